import {
  KINDS,
  type Kind,
  LeafWriter,
  SECTION_BYTES_MAX,
  SECTION_HEAD_BYTES,
  SECTION_NAMES,
  SECTIONS,
  type SectionName,
  sectionHead,
} from '@countersign/evidence'
import { nodeSha256 } from '../platform/index.ts'
import { encodePayload, type PayloadSection, type SealKey } from '../vault/index.ts'
import { RecorderError } from './error.ts'

/** One section to be: its JSON, and whose key it is under. */
export interface SectionDraft {
  readonly name: SectionName
  readonly text: string
  readonly key: SealKey
}

export interface RecordDraft {
  readonly kind: Kind
  /** 16 bytes. */
  readonly recordId: Uint8Array
  readonly ledgerKey: SealKey
  /** In ascending order of id, without `seal`, which follows from the keys. */
  readonly sections: readonly SectionDraft[]
}

/** A record as the ledger takes it. */
export interface Composed {
  readonly leaf: Uint8Array
  readonly payload: Uint8Array
  /** Keys whose rows travel with it: they are durable when it is. */
  readonly newKeys: readonly SealKey[]
}

// Nine sections at their largest, and room for one more to be found too large when it is written:
// a character takes at most three bytes.
const ARENA_BYTES = 12 * (SECTION_HEAD_BYTES + SECTION_BYTES_MAX)
const arena = new Uint8Array(new ArrayBuffer(ARENA_BYTES))
const writer = new LeafWriter(nodeSha256)
const heads = Array.from({ length: SECTION_NAMES.length + 1 }, (_, id) =>
  id === 0 ? new Uint8Array(0) : Buffer.from(sectionHead(id), 'latin1'),
)

/**
 * Turns sections into bytes, salts, digests, a leaf and a payload. Belongs to one thread, and runs
 * twice for every exchange: each section is encoded behind its head and hashed where it stands.
 */
export function composeRecord({ kind, recordId, ledgerKey, sections }: RecordDraft): Composed {
  const sealed = withSeal(sections, ledgerKey)
  const salts = saltsOf(sealed, recordId)
  const newKeys = keysWithRow(sealed)
  const parts: PayloadSection[] = []
  writer.reset() // a record that was given up half way left its digests
  let at = 0
  for (let place = 0; place < sealed.length; place++) {
    const { name, text, key } = sealed[place] as SectionDraft
    const id = SECTIONS[name]
    arena.set(heads[id] as Uint8Array, at)
    const start = at + SECTION_HEAD_BYTES
    const end = start + encodeText(name, text, start)
    const digest = writer.add(arena.subarray(at, end), salts[place] as Uint8Array)
    parts.push({ id, bytes: arena.subarray(start, end), keyId: key.id, digest })
    at = end
  }
  const payload = encodePayload({
    kind: KINDS[kind].code,
    recordId,
    ledgerKeyId: ledgerKey.id,
    sections: parts,
    rows: newKeys.flatMap(({ row }) => row ?? []),
  })
  return { leaf: writer.finish(), payload, newKeys }
}

/** Adds the section that fixes in the leaf which keys were not the ledger's. */
function withSeal(sections: readonly SectionDraft[], ledgerKey: SealKey): readonly SectionDraft[] {
  let keys = ''
  let shared = ''
  for (const { name, key } of sections) {
    if (key === ledgerKey) continue
    keys += `${keys === '' ? '' : ','}"${name}":"${hexId(key)}"`
    if (key.expiresOnly) shared = ',"shared":true'
  }
  if (keys === '') return sections
  return [...sections, { name: 'seal', text: `{"keys":{${keys}}${shared}}`, key: ledgerKey }]
}

const hexIds = new WeakMap<SealKey, string>()

function hexId(key: SealKey): string {
  let hex = hexIds.get(key)
  if (hex === undefined) {
    hex = Buffer.from(key.id).toString('hex')
    hexIds.set(key, hex)
  }
  return hex
}

const utf8Write = Buffer.prototype.utf8Write as (
  this: Uint8Array,
  text: string,
  offset: number,
  length: number,
) => number

function encodeText(name: SectionName, text: string, at: number): number {
  const isLong = text.length > SECTION_BYTES_MAX
  const length = isLong ? text.length : utf8Write.call(arena, text, at, ARENA_BYTES - at)
  if (length <= SECTION_BYTES_MAX) return length
  const message = `section ${name} has ${length} bytes, at most ${SECTION_BYTES_MAX} are allowed`
  throw new RecorderError('RECORDER_TOO_LARGE', message)
}

/** Salts by place: each key cuts its own, for its sections in ascending order. */
function saltsOf(
  sections: readonly SectionDraft[],
  recordId: Uint8Array,
): readonly (Uint8Array | undefined)[] {
  const salts: (Uint8Array | undefined)[] = sections.map(() => undefined)
  for (let first = 0; first < sections.length; first++) {
    if (salts[first] !== undefined) continue
    const { key } = sections[first] as SectionDraft
    let count = 0
    for (const section of sections) if (section.key === key) count += 1
    const cut = key.salts(recordId, count)
    let next = 0
    for (let place = first; place < sections.length; place++) {
      if (sections[place]?.key === key) salts[place] = cut[next++]
    }
  }
  return salts
}

const NONE: readonly SealKey[] = []

function keysWithRow(sections: readonly SectionDraft[]): readonly SealKey[] {
  let keys: SealKey[] | undefined
  for (const { key } of sections) {
    if (key.row === undefined || keys?.includes(key)) continue
    keys ??= []
    keys.push(key)
  }
  return keys ?? NONE
}
