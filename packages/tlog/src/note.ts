import { decodeBase64, encodeBase64 } from './base64.ts'
import { TlogError } from './error.ts'
import { quote } from './numbers.ts'
import { decodeText, encodeText } from './text.ts'

/** The longest note. Go's reader draws the line at the same place. */
export const NOTE_BYTES_MAX = 1_000_000

/** The most signature lines in a note; the specification demands at least 16. */
export const NOTE_SIGNATURES_MAX = 100

/** One signature line: `— name base64(key id || signature)`. */
export interface NoteSignature {
  readonly name: string
  /** The first 4 bytes of a hash of name and key, as an unsigned 32-bit number. */
  readonly keyId: number
  /** What follows the key id; its form depends on the key's type. */
  readonly signature: Uint8Array
}

/** A text with the signature lines under it. */
export interface Note {
  /** Ends in a newline, which is signed too. */
  readonly text: string
  readonly signatures: readonly NoteSignature[]
}

/** Checks the signature lines of one key. */
export interface NoteVerifier {
  readonly name: string
  readonly keyId: number
  /** Tells whether `signature` (without its key id) signs `text`. It does not throw. */
  verify(text: Uint8Array, signature: Uint8Array): boolean
}

/** A signature line that was checked, with what checked it. */
export interface VerifiedSignature<Verifier extends NoteVerifier = NoteVerifier> {
  readonly verifier: Verifier
  readonly signature: Uint8Array
}

const KEY_ID_BYTES = 4
const DASH = '\u2014 '

/**
 * Returns the text and the signature lines of a signed note, none of them checked. Accepts exactly
 * what `formatNote` returns, so that one note has one spelling.
 *
 * @throws TlogError TLOG_NOTE_TOO_LARGE, TLOG_TEXT, TLOG_NOTE_FORMAT, TLOG_NOTE_SIGNATURES_MAX,
 *         TLOG_BASE64
 * @see C2SP signed-note
 */
export function parseNote(note: Uint8Array | string): Note {
  const whole = wholeText(note)
  const blank = whole.lastIndexOf('\n\n')
  if (blank === -1) throw malformed('has no blank line before its signatures')
  const text = whole.slice(0, blank + 1)
  const lines = whole.slice(blank + 2).split('\n')
  if (lines.pop() !== '') throw malformed('does not end in a newline')
  assertText(text)
  assertCount(lines.length)
  return { text, signatures: lines.map(parseSignatureLine) }
}

/**
 * Returns the signed note as text: the text, a blank line, the signature lines.
 *
 * @throws TlogError TLOG_NOTE_TOO_LARGE, TLOG_TEXT, TLOG_NOTE_FORMAT, TLOG_NOTE_SIGNATURES_MAX,
 *         TLOG_KEY_NAME
 * @see C2SP signed-note
 */
export function formatNote({ text, signatures }: Note): string {
  assertText(text)
  assertCount(signatures.length)
  return wholeText(`${text}\n${signatures.map(formatSignatureLine).join('')}`)
}

/**
 * Returns one signature line with its newline; what a witness answers is such lines.
 *
 * @throws TlogError TLOG_KEY_NAME, TLOG_NOTE_FORMAT
 */
export function formatSignatureLine({ name, keyId, signature }: NoteSignature): string {
  assertKeyName(name)
  if (signature.length === 0) throw malformed(`signature by ${quote(name)} is empty`)
  const blob = new Uint8Array(KEY_ID_BYTES + signature.length)
  new DataView(blob.buffer).setUint32(0, keyId)
  blob.set(signature, KEY_ID_BYTES)
  return `${DASH}${name} ${encodeBase64(blob)}\n`
}

/**
 * Returns what one signature line says; `line` comes without its newline.
 *
 * @throws TlogError TLOG_KEY_NAME, TLOG_NOTE_FORMAT, TLOG_BASE64
 */
export function parseSignatureLine(line: string): NoteSignature {
  const space = line.indexOf(' ', DASH.length)
  if (!line.startsWith(DASH) || space === -1) {
    throw malformed(`line ${quote(line)} is no signature line`)
  }
  const name = line.slice(DASH.length, space)
  assertKeyName(name)
  const blob = decodeBase64(line.slice(space + 1))
  if (blob.length <= KEY_ID_BYTES) throw malformed(`signature by ${quote(name)} is too short`)
  return {
    name,
    keyId: new DataView(blob.buffer).getUint32(0),
    signature: blob.subarray(KEY_ID_BYTES),
  }
}

/**
 * Returns the signatures of a note that these verifiers vouch for, in the order of the lines and
 * at most one for each verifier.
 *
 * Prevents that an unsigned or altered text passes. Lines of unknown keys are ignored, since
 * anybody may add them; a line of a known key that does not verify rejects the whole note, be it
 * the second one of that key. The caller must then read nothing but the text of this very note.
 *
 * @throws TlogError TLOG_NOTE_UNSIGNED when no line is by a known key, TLOG_SIGNATURE_INVALID,
 *         TLOG_KEY_AMBIGUOUS when two verifiers have the same name and key id
 */
export function verifyNote<Verifier extends NoteVerifier>(
  note: Note,
  verifiers: readonly Verifier[],
): readonly VerifiedSignature<Verifier>[] {
  const known = byNameAndKeyId(verifiers)
  const text = encodeText(note.text)
  const verified = new Map<Verifier, VerifiedSignature<Verifier>>()
  for (const { name, keyId, signature } of note.signatures) {
    const verifier = known.get(identity(name, keyId))
    if (verifier === undefined) continue
    if (!verifier.verify(text, signature)) {
      const message = `signature by ${quote(name)}, key ${hexKeyId(keyId)}, does not verify`
      throw new TlogError('TLOG_SIGNATURE_INVALID', message)
    }
    if (!verified.has(verifier)) verified.set(verifier, { verifier, signature })
  }
  if (verified.size === 0) {
    const message = `none of ${note.signatures.length} signatures is by a known key`
    throw new TlogError('TLOG_NOTE_UNSIGNED', message)
  }
  return [...verified.values()]
}

/** Returns a key id as the 8 lower-case hex digits that verifier keys write. */
export function hexKeyId(keyId: number): string {
  return keyId.toString(16).padStart(8, '0')
}

/**
 * Refuses what cannot name a key: nothing at all, white space, a plus sign, control characters.
 *
 * @throws TlogError TLOG_KEY_NAME
 * @see C2SP signed-note, "Signatures"
 */
export function assertKeyName(name: string): void {
  const allowed = name !== '' && name.isWellFormed() && !/[\p{White_Space}+]/u.test(name)
  if (allowed && !hasControl(name)) return
  throw new TlogError('TLOG_KEY_NAME', `${quote(name)} cannot name a key`)
}

function byNameAndKeyId<Verifier extends NoteVerifier>(
  verifiers: readonly Verifier[],
): ReadonlyMap<string, Verifier> {
  const known = new Map(verifiers.map((one) => [identity(one.name, one.keyId), one]))
  if (known.size === verifiers.length) return known
  throw new TlogError('TLOG_KEY_AMBIGUOUS', 'two verifiers have the same name and key id')
}

function identity(name: string, keyId: number): string {
  return `${name}+${hexKeyId(keyId)}`
}

function wholeText(note: Uint8Array | string): string {
  const bytes = typeof note === 'string' ? encodeText(note) : note
  if (bytes.length > NOTE_BYTES_MAX) {
    const message = `note is ${bytes.length} bytes, at most ${NOTE_BYTES_MAX} are allowed`
    throw new TlogError('TLOG_NOTE_TOO_LARGE', message)
  }
  return typeof note === 'string' ? note : decodeText(note)
}

function assertText(text: string): void {
  if (!text.endsWith('\n')) throw malformed('text does not end in a newline')
  if (hasControl(text.replaceAll('\n', ''))) throw malformed('text holds a control character')
}

function assertCount(count: number): void {
  if (count === 0) throw malformed('has no signature')
  if (count <= NOTE_SIGNATURES_MAX) return
  const message = `note has ${count} signatures, at most ${NOTE_SIGNATURES_MAX} are allowed`
  throw new TlogError('TLOG_NOTE_SIGNATURES_MAX', message)
}

function hasControl(text: string): boolean {
  for (let at = 0; at < text.length; at += 1) if (text.charCodeAt(at) < 0x20) return true
  return false
}

function malformed(why: string): TlogError {
  return new TlogError('TLOG_NOTE_FORMAT', `note ${why}`)
}
