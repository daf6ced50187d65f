import {
  EvidenceError,
  encodeLeaf,
  type Json,
  kindOfCode,
  parseJson,
  type SectionId,
  sectionName,
} from '@countersign/evidence'
import { equalHashes } from '@countersign/tlog'
import { nodeSha256 } from '../platform/index.ts'
import {
  type BodyReader,
  type OpenedRecord,
  type OpenedSection,
  VaultError,
} from '../vault/index.ts'
import { openRecords } from './open-records.ts'
import { type EntryOptions, notThere, type ProvenEntry, provenEntry } from './proven-entry.ts'
import { assertAgrees } from './record-audit.ts'
import { Findings, sentence } from './report.ts'
import { VerifyError } from './verify-error.ts'

export interface RecordOptions extends EntryOptions {
  /** The key-encryption key as text, where it is not in the directory. */
  readonly kek?: string
  /** False for an epoch that another one follows. */
  readonly isNewest?: boolean
}

export interface ShownSection {
  readonly section: string
  /** Null where it is closed. */
  readonly value: Json | null
  readonly closed: string | null
}

/** One record, held against the leaf that a checkpoint covers. */
export interface ShownRecord {
  readonly epoch: number
  readonly index: number
  readonly kind: string
  /** Hexadecimal, as it stands in the log. */
  readonly leaf: string
  /** The size of the checkpoint that covers it; null where none does yet. */
  readonly checkpoint: number | null
  readonly sections: readonly ShownSection[]
}

/**
 * Opens one record. Throws VERIFY_TAMPERED unless its sections are what its leaf commits to, and
 * VERIFY_NO_KEY where there is no key to open it.
 */
export async function shownRecord(options: RecordOptions): Promise<ShownRecord> {
  const { epoch, index } = options
  const { record, leaf, checkpoint } = await recordWithBodies(options)
  return {
    epoch,
    index,
    kind: kindOfCode(record.kind) ?? `unknown kind ${record.kind}`,
    leaf: Buffer.from(leaf).toString('hex'),
    checkpoint,
    sections: record.sections.map(shown),
  }
}

/** A record that is what its leaf commits to, and what opens the bodies that it names. */
export interface RecordWithBodies {
  readonly record: OpenedRecord
  readonly leaf: Uint8Array
  readonly checkpoint: number | null
  readonly bodies: BodyReader
}

/** Throws as `shownRecord`. */
export async function recordWithBodies(options: RecordOptions): Promise<RecordWithBodies> {
  const { disk, data, epoch, isNewest = true, index, kek } = options
  const proven = await entryOrNothing(options)
  const to = new Findings()
  const origin = proven.checkpoint.origin
  const { size } = proven.checkpoint
  const records = await openRecords({ disk, data, epoch, isNewest, origin, size, kek, to })
  if (to.bad[0] !== undefined) throw new VerifyError('VERIFY_TAMPERED', sentence(to.bad[0]))
  if (records === undefined) {
    throw new VerifyError('VERIFY_NO_KEY', 'there is no key-encryption key to open records with')
  }
  const leaf = proven.entry ?? records.writeAhead.leaf(index)
  if (leaf === undefined) throw notThere(index, proven.checkpoint.size)
  const record = await openRecord(() => records.reader.record(index))
  if (!equalHashes(encodeLeaf(nodeSha256, record.sections), leaf)) {
    throw new VerifyError('VERIFY_TAMPERED', `record ${index} is not what its leaf commits to`)
  }
  assertWhole(record)
  const checkpoint = proven.entry === undefined ? null : proven.checkpoint.size
  return { record, leaf, checkpoint, bodies: records.bodies }
}

/** A section is closed where its key is gone, and for no other reason. */
function assertWhole(record: OpenedRecord): void {
  const { index, sections } = record
  for (const { id, fault } of sections) {
    if (fault === undefined || fault.code === 'VAULT_KEY_MISSING') continue
    const why = `record ${index} has a section ${sectionName(id as SectionId)} not as sealed`
    throw new VerifyError('VERIFY_TAMPERED', `${why}: ${fault.message}`, { cause: fault })
  }
  try {
    assertAgrees(record)
  } catch (cause) {
    if (!(cause instanceof EvidenceError)) throw cause
    if (cause.code === 'EVIDENCE_UNKNOWN_KIND' || cause.code === 'EVIDENCE_UNKNOWN_VERSION') return
    throw new VerifyError('VERIFY_TAMPERED', `record ${index}: ${cause.message}`, { cause })
  }
}

type EntryFound = Pick<ProvenEntry, 'checkpoint'> & { readonly entry?: Uint8Array }

/** What no checkpoint covers yet stands in the write-ahead log. */
async function entryOrNothing(options: RecordOptions): Promise<EntryFound> {
  try {
    return await provenEntry(options)
  } catch (error) {
    const early = error instanceof VerifyError && error.code === 'VERIFY_NOT_COVERED'
    if (!early || options.index === 0) throw error
    const { checkpoint } = await provenEntry({ ...options, index: 0 })
    return { checkpoint }
  }
}

async function openRecord(open: () => Promise<OpenedRecord>): Promise<OpenedRecord> {
  try {
    return await open()
  } catch (cause) {
    if (!(cause instanceof VaultError)) throw cause
    const missing = cause.code === 'VAULT_KEY_MISSING' || cause.code === 'VAULT_ENTRY_MISSING'
    throw new VerifyError(missing ? 'VERIFY_NO_KEY' : 'VERIFY_TAMPERED', cause.message, { cause })
  }
}

function shown({ id, open, fault }: OpenedSection): ShownSection {
  const section = sectionName(id as SectionId)
  if (open === undefined) {
    return { section, value: null, closed: fault?.message ?? 'sealed under a key not at hand' }
  }
  return { section, value: parsedValue(open.bytes), closed: null }
}

function parsedValue(bytes: Uint8Array): Json {
  try {
    return parseJson(bytes)
  } catch (cause) {
    if (!(cause instanceof EvidenceError)) throw cause
    throw new VerifyError('VERIFY_TAMPERED', `section is malformed: ${cause.message}`, { cause })
  }
}
