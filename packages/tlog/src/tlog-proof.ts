import { decodeBase64, encodeBase64 } from './base64.ts'
import {
  type CheckpointSigners,
  type OpenedCheckpoint,
  openCheckpoint,
  parseCheckpoint,
} from './checkpoint.ts'
import { TlogError } from './error.ts'
import { assertHash, type Hash, hashLeaf, type Sha256 } from './hash.ts'
import { NOTE_BYTES_MAX, type NoteVerifier, parseNote } from './note.ts'
import { type LeafIndex, leafIndex, parseDecimal, quote } from './numbers.ts'
import { PROOF_HASHES_MAX, verifyInclusion } from './proof.ts'
import { decodeText, encodeText } from './text.ts'

/** The longest `extra`: Go's reader gives up on lines of 64 KiB, base64 included. */
export const PROOF_EXTRA_BYTES_MAX = 48_000

/** The longest proof file: a note, 63 hashes, and an `extra` in base64. */
export const PROOF_BYTES_MAX = NOTE_BYTES_MAX + 70_000

/** A proof that carries all it needs but the entry and the keys. */
export interface TlogProof {
  readonly index: LeafIndex
  /** As for `verifyInclusion`: from the leaf's sibling up to the root's child. */
  readonly hashes: readonly Hash[]
  /** The signed note of a checkpoint that covers the index, verbatim. */
  readonly checkpoint: string
  /** Bytes for the application, 1 to 48,000. Nothing vouches for them. */
  readonly extra?: Uint8Array
}

const HEADER = 'c2sp.org/tlog-proof@v1'
const EXTRA = 'extra '
const INDEX = 'index '

/**
 * Returns what a proof file says; its form is checked, that of its checkpoint included, but no
 * hash and no signature. Accepts exactly what `formatTlogProof` returns.
 *
 * @throws TlogError TLOG_PROOF_TOO_LARGE, TLOG_PROOF_FORMAT, TLOG_PROOF_LENGTH, TLOG_PROOF_RANGE,
 *         TLOG_DECIMAL, TLOG_BASE64, TLOG_HASH_LENGTH, TLOG_TEXT, and what `parseNote` and
 *         `parseCheckpoint` throw
 * @see C2SP tlog-proof
 */
export function parseTlogProof(file: Uint8Array | string): TlogProof {
  const whole = typeof file === 'string' ? file : decodeText(limited(file))
  limited(encodeText(whole))
  const blank = whole.indexOf('\n\n')
  if (blank === -1) throw malformed('has no blank line before its checkpoint')
  const [header = '', ...lines] = whole.slice(0, blank).split('\n')
  if (header !== HEADER) throw malformed(`begins with ${quote(header)}`)
  const extra = lines[0]?.startsWith(EXTRA) ? lines.shift()?.slice(EXTRA.length) : undefined
  const index = lines.shift()
  if (!index?.startsWith(INDEX)) throw malformed('has no index where it belongs')
  const proof: TlogProof = {
    index: leafIndex(parseDecimal(index.slice(INDEX.length))),
    hashes: lines.map(decodeBase64),
    checkpoint: whole.slice(blank + 2),
    ...(extra === undefined ? {} : { extra: decodeBase64(extra) }),
  }
  assertForm(proof)
  return proof
}

/**
 * Returns the text of a proof file.
 *
 * @throws TlogError as `parseTlogProof`
 * @see C2SP tlog-proof
 */
export function formatTlogProof(proof: TlogProof): string {
  assertForm(proof)
  const { extra, index, hashes, checkpoint } = proof
  const lines = [
    HEADER,
    ...(extra === undefined ? [] : [EXTRA + encodeBase64(extra)]),
    `${INDEX}${index}`,
    ...hashes.map(encodeBase64),
    '',
  ]
  return `${lines.join('\n')}\n${checkpoint}`
}

/**
 * Verifies that the log has signed a tree in which `entry` stands at the proof's index, and
 * returns the checkpoint that says so.
 *
 * @param entry    the entry's bytes, from anywhere but the proof
 * @param signers  as for `openCheckpoint`
 * @throws TlogError as `openCheckpoint` and `verifyInclusion`; TLOG_ENTRY_TOO_LARGE
 */
export function verifyTlogProof<Verifier extends NoteVerifier>(
  sha256: Sha256,
  proof: TlogProof,
  against: { readonly entry: Uint8Array; readonly signers: CheckpointSigners<Verifier> },
): OpenedCheckpoint<Verifier> {
  const opened = openCheckpoint(proof.checkpoint, against.signers)
  const { size, root } = opened.checkpoint
  const leafHash = hashLeaf(sha256, against.entry)
  verifyInclusion(sha256, { index: proof.index, size, leafHash, proof: proof.hashes, root })
  return opened
}

function assertForm({ index, hashes, checkpoint, extra }: TlogProof): void {
  if (hashes.length > PROOF_HASHES_MAX) {
    throw new TlogError('TLOG_PROOF_LENGTH', `proof has ${hashes.length} hashes`)
  }
  for (const hash of hashes) assertHash(hash)
  if (extra?.length === 0) throw malformed('has an empty extra')
  if (extra !== undefined && extra.length > PROOF_EXTRA_BYTES_MAX) {
    const message = `extra is ${extra.length} bytes, at most ${PROOF_EXTRA_BYTES_MAX} are allowed`
    throw new TlogError('TLOG_PROOF_TOO_LARGE', message)
  }
  const { size } = parseCheckpoint(parseNote(checkpoint).text)
  if (leafIndex(index) < size) return
  throw new TlogError('TLOG_PROOF_RANGE', `index ${index} is not in a tree of size ${size}`)
}

function limited(file: Uint8Array): Uint8Array {
  if (file.length <= PROOF_BYTES_MAX) return file
  const message = `proof is ${file.length} bytes, at most ${PROOF_BYTES_MAX} are allowed`
  throw new TlogError('TLOG_PROOF_TOO_LARGE', message)
}

function malformed(why: string): TlogError {
  return new TlogError('TLOG_PROOF_FORMAT', `proof ${why}`)
}
