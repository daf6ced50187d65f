import { decodeBase64, encodeBase64 } from './base64.ts'
import { TlogError } from './error.ts'
import { assertHash, type Hash } from './hash.ts'
import { type NoteVerifier, parseNote, type VerifiedSignature, verifyNote } from './note.ts'
import { parseDecimal, quote, type TreeSize, treeSize } from './numbers.ts'

/** What a log says of itself: at this size, its tree has this root. */
export interface Checkpoint {
  /** The log's one name for ever. */
  readonly origin: string
  readonly size: TreeSize
  readonly root: Hash
}

/** A checkpoint that was read from a note whose signatures were checked. */
export interface OpenedCheckpoint<Verifier extends NoteVerifier = NoteVerifier> {
  readonly checkpoint: Checkpoint
  /** In the order of their lines: the log's own, then those of the witnesses that are known. */
  readonly signatures: readonly VerifiedSignature<Verifier>[]
}

/** Who must and who may have signed a checkpoint. */
export interface CheckpointSigners<Verifier extends NoteVerifier = NoteVerifier> {
  /** The log's own keys, named as its origin. Every one of them must have signed. */
  readonly log: readonly Verifier[]
  /** Cosigners. Their lines need not be there, but must be good where they are. */
  readonly witnesses?: readonly Verifier[]
}

/** SHA-256 of nothing, the only root of a tree without entries. */
const EMPTY_ROOT = '47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='

/**
 * Returns what the text of a checkpoint says; nothing is checked but its form. Accepts exactly
 * what `formatCheckpoint` returns: three lines, no extension lines, since signatures of type 0x06
 * would not cover them.
 *
 * @param text  the text of a signed note, without its signatures
 * @throws TlogError TLOG_CHECKPOINT_FORMAT, TLOG_CHECKPOINT_EXTENSION, TLOG_CHECKPOINT_ROOT,
 *         TLOG_DECIMAL, TLOG_BASE64, TLOG_HASH_LENGTH
 * @see C2SP tlog-checkpoint
 */
export function parseCheckpoint(text: string): Checkpoint {
  const [origin = '', sizeText, rootText, end, ...more] = text.split('\n')
  if (sizeText === undefined || rootText === undefined || end === undefined) {
    throw new TlogError('TLOG_CHECKPOINT_FORMAT', 'checkpoint has fewer than three lines')
  }
  if (end !== '' || more.length > 0) {
    throw new TlogError('TLOG_CHECKPOINT_EXTENSION', `checkpoint has a fourth line ${quote(end)}`)
  }
  const size = treeSize(parseDecimal(sizeText))
  const checkpoint = { origin, size, root: decodeBase64(rootText) }
  assertCheckpoint(checkpoint, rootText)
  return checkpoint
}

/**
 * Returns the text of a checkpoint, ready to be signed.
 *
 * @throws TlogError TLOG_CHECKPOINT_FORMAT, TLOG_CHECKPOINT_ROOT, TLOG_HASH_LENGTH
 * @see C2SP tlog-checkpoint
 */
export function formatCheckpoint(checkpoint: Checkpoint): string {
  const root = encodeBase64(checkpoint.root)
  assertCheckpoint(checkpoint, root)
  return `${checkpoint.origin}\n${treeSize(checkpoint.size)}\n${root}\n`
}

/**
 * Returns the checkpoint that a signed note holds, with the signatures that vouch for it.
 *
 * Prevents that anything but the log's own word is taken for it: every key in `log` must have
 * signed and must carry the checkpoint's origin as its name, so neither a witness alone nor one of
 * two promised algorithms suffices. A bad line of any known key rejects the note. The caller must
 * then still compare size and root with what it remembers.
 *
 * @param note     the whole note, as served
 * @param signers  the log's verifiers (all required), or those with `witnesses` beside them
 * @throws TlogError TLOG_SIGNATURE_MISSING, TLOG_CHECKPOINT_ORIGIN, and all that `parseNote`,
 *         `verifyNote` and `parseCheckpoint` throw
 */
export function openCheckpoint<Verifier extends NoteVerifier>(
  note: Uint8Array | string,
  signers: CheckpointSigners<Verifier>,
): OpenedCheckpoint<Verifier> {
  const parsed = parseNote(note)
  const { log, witnesses = [] } = signers
  const signatures = verifyNote(parsed, [...log, ...witnesses])
  const checkpoint = parseCheckpoint(parsed.text)
  if (log.length === 0) throw new TlogError('TLOG_SIGNATURE_MISSING', 'no key of the log is given')
  for (const verifier of log) {
    assertSignedBy(verifier, signatures)
    if (verifier.name === checkpoint.origin) continue
    const message = `key of ${quote(verifier.name)} signed for ${quote(checkpoint.origin)}`
    throw new TlogError('TLOG_CHECKPOINT_ORIGIN', message)
  }
  return { checkpoint, signatures }
}

function assertSignedBy(verifier: NoteVerifier, signatures: readonly VerifiedSignature[]): void {
  if (signatures.some((signature) => signature.verifier === verifier)) return
  const message = `no signature by ${quote(verifier.name)}, key ${verifier.keyId.toString(16)}`
  throw new TlogError('TLOG_SIGNATURE_MISSING', message)
}

function assertCheckpoint({ origin, size, root }: Checkpoint, rootText: string): void {
  if (origin === '' || origin.includes('\n')) {
    throw new TlogError('TLOG_CHECKPOINT_FORMAT', `${quote(origin)} cannot be an origin`)
  }
  assertHash(root)
  if (size === 0 && rootText !== EMPTY_ROOT) {
    throw new TlogError('TLOG_CHECKPOINT_ROOT', 'size is 0 but the root is not of the empty tree')
  }
}
