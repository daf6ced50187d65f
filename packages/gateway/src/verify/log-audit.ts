import { type Checkpoint, type Hash, NOTE_BYTES_MAX, type Sha256 } from '@countersign/tlog'
import { blame } from './blame.ts'
import { auditCheckpoint, isSignedBy } from './checkpoint-audit.ts'
import { KEY_LIST_BYTES_MAX, listedKeys, type TrustedKey, unite } from './key-set.ts'
import type { Widths } from './log-layout.ts'
import type { Seen } from './memory.ts'
import type { Policy } from './policy.ts'
import type { Findings } from './report.ts'
import type { Source } from './source.ts'
import { merge } from './stored-checkpoints.ts'
import { TileReader } from './stored-tile.ts'
import { type OnBundle, type SignedRoot, TreeAudit } from './tree-audit.ts'

/** What the audit of a log's own files needs; `source` reads below the log. */
export interface LogAuditOptions {
  readonly source: Source
  readonly sha256: Sha256
  /** The keys of the caller's; each must have signed. */
  readonly given: readonly TrustedKey[]
  readonly policy?: Policy
  readonly to: Findings
  /** Every ledger has a list of its keys; a log by somebody else need not. */
  readonly keyListRequired?: boolean
  readonly onProgress?: (entries: number, size: number) => void
}

/** The signed statement that everything else is held against. */
export interface SignedLog {
  readonly checkpoint: Checkpoint
  readonly keys: readonly TrustedKey[]
  /** Those of the log's own list; none where it has no list. */
  readonly listed: readonly TrustedKey[]
}

/** As it was read: a running gateway has a newer checkpoint a second later. */
export interface ReadLog extends SignedLog {
  readonly note: Uint8Array
  /**
   * Whether anybody who is trusted signed it: a key of the caller's, or, where there is none, one
   * of the log's own. Without it the size is whatever somebody made up.
   */
  readonly isSigned: boolean
}

/**
 * Reads the log's key list and its checkpoint. Undefined where there is nothing to hold the log
 * against: no readable checkpoint, or no key at all.
 */
export async function openLog(options: LogAuditOptions): Promise<ReadLog | undefined> {
  const { source, sha256, given, policy, to } = options
  const list = await source.read('vkeys', KEY_LIST_BYTES_MAX)
  if (list.kind === 'wrong') to.add('key', list.why, { file: 'vkeys' })
  if (list.kind === 'missing' && options.keyListRequired === true) {
    to.add('key', 'is missing', { file: 'vkeys' })
  }
  const listed =
    list.kind === 'bytes' ? listedKeys(sha256, { bytes: list.bytes, file: 'vkeys' }, to) : []
  if (list.kind === 'bytes' && options.keyListRequired === true) auditKinds(listed, to)
  const keys = unite(given, policy?.log ?? [], listed)
  const note = await source.read('checkpoint', NOTE_BYTES_MAX)
  if (note.kind === 'wrong') to.add('checkpoint', note.why, { file: 'checkpoint' })
  if (note.kind === 'missing') to.add('checkpoint', 'is missing', { file: 'checkpoint' })
  if (note.kind !== 'bytes') return undefined
  const shown = { bytes: note.bytes, file: 'checkpoint' }
  const signers = { keys, isWhole: listed.length > 0, ...(policy === undefined ? {} : { policy }) }
  const checkpoint = auditCheckpoint(shown, signers, to)
  if (checkpoint === undefined) return undefined
  const trusted = unite(given, policy?.log ?? [])
  const isSigned = isSignedBy(note.bytes, trusted.length > 0 ? trusted : listed)
  return { checkpoint, keys, listed, note: note.bytes, isSigned }
}

/** A ledger promises both kinds of signature: without one of them, half of the proof is gone. */
function auditKinds(listed: readonly TrustedKey[], to: Findings): void {
  for (const [type, name] of KINDS_OF_KEYS) {
    if (listed.some(({ verifier }) => verifier.type === type)) continue
    to.add('key', `has no ${name} key`, { file: 'vkeys' })
  }
}

const KINDS_OF_KEYS = [
  [1, 'Ed25519'],
  [6, 'ML-DSA-44'],
] as const

/** What a directory knows beyond what is served. */
export interface TreeExtras {
  readonly widths?: Widths
  /** Earlier checkpoints, each list in ascending order of size. */
  readonly stored?: readonly AsyncIterable<SignedRoot>[]
  readonly remembered?: Seen
  readonly onBundle?: OnBundle
  /** Where records commit to other leaves than the log holds: index to leaf hash. */
  readonly recorded?: ReadonlyMap<number, Hash>
}

/** Holds every entry and every tile against the checkpoint, and names what does not fit. */
export async function auditLog(
  { checkpoint }: SignedLog,
  options: LogAuditOptions,
  { widths, stored = [], remembered, onBundle, recorded }: TreeExtras = {},
): Promise<void> {
  const { source, sha256, to, onProgress } = options
  const { size, root } = checkpoint
  const reader = new TileReader(source, sha256)
  const facts = await new TreeAudit({
    sha256,
    reader,
    size,
    widths: (by, level, index) => widths?.of(by, level, index) ?? [],
    signed: upTo(size, merge(oneOrNone(remembered), ...stored)),
    ...(onBundle === undefined ? {} : { onBundle }),
    onProgress: (entries) => onProgress?.(entries, size),
  }).run()
  const before = to.bad.length
  const known = recorded === undefined ? {} : { recorded }
  await blame(facts, { sha256, reader, size, root, ...known }, to)
  if (to.bad.length > before) return
  for (const { size: earlier, file } of facts.unmatched) {
    if (file === REMEMBERED) to.add('fork', `checkpoint ${earlier} was another one last time`)
    else to.add('fork', `is signed for ${earlier} other entries than are here`, { file })
  }
}

async function* oneOrNone(seen: Seen | undefined): AsyncGenerator<SignedRoot> {
  if (seen !== undefined) yield { ...seen, file: REMEMBERED }
}

async function* upTo(size: number, roots: AsyncIterable<SignedRoot>): AsyncGenerator<SignedRoot> {
  for await (const each of roots) if (each.size <= size) yield each
}

/** Stands for the file of what the verifier itself remembers. */
const REMEMBERED = ''

/** Says that a log which was once seen longer cannot be the same log. */
export function auditRollback(size: number, seen: Seen | undefined, to: Findings): void {
  if (seen === undefined || seen.size <= size) return
  const why = `covers ${size} entries, but ${seen.size} were seen before`
  to.add('rollback', why, { file: 'checkpoint' })
}
