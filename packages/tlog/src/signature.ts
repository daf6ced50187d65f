import { parseCheckpoint } from './checkpoint.ts'
import { TlogError } from './error.ts'
import { NAME_BYTES_MAX, SIGNATURE_TYPES, type SignatureType, type VerifierKey } from './keys.ts'
import type { NoteSignature, NoteVerifier } from './note.ts'
import { type LeafIndex, quote, type TreeSize } from './numbers.ts'
import { decodeText, encodeText } from './text.ts'

/** A signature algorithm, given by the caller: native in the gateway, pure in a browser. */
export interface SignatureAlgorithm {
  /** Tells whether `signature` signs `message`. Malformed input is `false`, not an error. */
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean
}

/** The two algorithms behind the three signature types. */
export interface SignatureAlgorithms {
  /** RFC 8032, pure Ed25519, strict (no ZIP-215 leniency). */
  readonly ed25519: SignatureAlgorithm
  /** FIPS 204, pure ML-DSA-44 with an empty context. */
  readonly mlDsa44: SignatureAlgorithm
}

/** Verifies the lines of one key, and says what kind of statement they make. */
export interface KeyVerifier extends NoteVerifier {
  readonly type: SignatureType
  /**
   * Returns the time in a verified signature, in seconds since 1970; undefined for type 0x01,
   * which has none. 0 means that an ML-DSA-44 signature makes no statement about time.
   */
  timeOf(signature: Uint8Array): number | undefined
}

/** Signs texts of notes with one key. */
export interface NoteSigner {
  readonly name: string
  readonly keyId: number
  /**
   * Returns the signature line of `text`.
   *
   * @param seconds  the time to state, since 1970; type 0x01 states none and ignores it
   * @throws TlogError TLOG_SIGNATURE_TIME, and for type 0x06 all that `parseCheckpoint` throws
   */
  sign(text: string, seconds?: number): NoteSignature
}

/** What an ML-DSA-44 cosignature says of a range of entries. */
export interface SubtreeStatement {
  /** The key name of who says it. */
  readonly cosigner: string
  /** In seconds since 1970, or 0 for none. */
  readonly seconds: number
  readonly origin: string
  /** 0 for a checkpoint; otherwise `seconds` must be 0. */
  readonly start: LeafIndex
  readonly end: TreeSize
  readonly root: Uint8Array
}

const TIME_BYTES = 8

/** The bytes of a bare signature, after the time where the type has one. */
const SIGNATURE_BYTES: Readonly<Record<SignatureType, number>> = {
  [SIGNATURE_TYPES.ed25519]: 64,
  [SIGNATURE_TYPES.cosignature]: 64,
  [SIGNATURE_TYPES.mlDsa44]: 2420,
}

/**
 * Returns what verifies the note lines of `key`.
 *
 * @see C2SP signed-note (0x01) and tlog-cosignature (0x04, 0x06)
 */
export function noteVerifier(key: VerifierKey, algorithms: SignatureAlgorithms): KeyVerifier {
  const { name, keyId, type, publicKey } = key
  const algorithm = type === SIGNATURE_TYPES.mlDsa44 ? algorithms.mlDsa44 : algorithms.ed25519
  return {
    name,
    keyId,
    type,
    timeOf: (signature) => splitTime(type, signature)?.seconds,
    verify(text, signature) {
      const parts = splitTime(type, signature)
      if (parts === undefined || parts.bare.length !== SIGNATURE_BYTES[type]) return false
      const message = messageOrNothing(key, text, parts.seconds ?? 0)
      return message !== undefined && algorithm.verify(publicKey, message, parts.bare)
    },
  }
}

/**
 * Returns what signs notes as `key`.
 *
 * @param sign  signs a message with the secret that belongs to `key`; 64 bytes for the Ed25519
 *              types, 2,420 for ML-DSA-44
 */
export function noteSigner(
  key: VerifierKey,
  sign: (message: Uint8Array) => Uint8Array,
): NoteSigner {
  const { name, keyId } = key
  return {
    name,
    keyId,
    sign(text, seconds = 0) {
      const bare = sign(signedMessage(key, encodeText(text), seconds))
      return { name, keyId, signature: joinTime(key.type, seconds, bare) }
    },
  }
}

/**
 * Returns the bytes that a signature of this key's type is made over.
 *
 * @param text     the text of the note, its last newline included
 * @param seconds  the time that the signature states
 * @throws TlogError TLOG_SIGNATURE_TIME, and for type 0x06 all that `parseCheckpoint` throws
 */
export function signedMessage(
  key: Pick<VerifierKey, 'name' | 'type'>,
  text: Uint8Array,
  seconds: number,
): Uint8Array {
  switch (key.type) {
    case SIGNATURE_TYPES.ed25519:
      return text
    case SIGNATURE_TYPES.cosignature:
      return cosignatureMessage(text, seconds)
    case SIGNATURE_TYPES.mlDsa44: {
      const { origin, size, root } = parseCheckpoint(decodeText(text))
      const start = 0 as LeafIndex
      return subtreeMessage({ cosigner: key.name, seconds, origin, start, end: size, root })
    }
  }
}

/**
 * Returns the message of an Ed25519 cosignature. It does not hold the cosigner's name: a key must
 * belong to one cosigner only.
 *
 * @throws TlogError TLOG_SIGNATURE_TIME
 * @see C2SP tlog-cosignature, "Ed25519 signed message"
 */
export function cosignatureMessage(text: Uint8Array, seconds: number): Uint8Array {
  assertSeconds(seconds)
  const head = encodeText(`cosignature/v1\ntime ${seconds}\n`)
  const message = new Uint8Array(head.length + text.length)
  message.set(head)
  message.set(text, head.length)
  return message
}

/**
 * Returns the message of an ML-DSA-44 cosignature.
 *
 * @throws TlogError TLOG_SIGNATURE_TIME, TLOG_KEY_NAME where a name is longer than 255 bytes
 * @see C2SP tlog-cosignature, "ML-DSA-44 signed message"
 */
export function subtreeMessage(statement: SubtreeStatement): Uint8Array {
  const { cosigner, seconds, origin, start, end, root } = statement
  assertSeconds(seconds)
  if (start !== 0 && seconds !== 0) {
    throw new TlogError('TLOG_SIGNATURE_TIME', `range from ${start} cannot state a time`)
  }
  return Uint8Array.of(
    ...encodeText('subtree/v1\n\0'),
    ...lengthPrefixed(cosigner),
    ...uint64(seconds),
    ...lengthPrefixed(origin),
    ...uint64(start),
    ...uint64(end),
    ...root,
  )
}

/** As signedMessage, for the verifier: a text that this type cannot sign has no message. */
function messageOrNothing(
  key: VerifierKey,
  text: Uint8Array,
  seconds: number,
): Uint8Array | undefined {
  try {
    return signedMessage(key, text, seconds)
  } catch (error) {
    if (error instanceof TlogError) return undefined
    throw error
  }
}

function splitTime(
  type: SignatureType,
  signature: Uint8Array,
): { readonly seconds?: number; readonly bare: Uint8Array } | undefined {
  if (type === SIGNATURE_TYPES.ed25519) return { bare: signature }
  if (signature.length < TIME_BYTES) return undefined
  const view = new DataView(signature.buffer, signature.byteOffset)
  const seconds = Number(view.getBigUint64(0))
  return { seconds, bare: signature.subarray(TIME_BYTES) }
}

function joinTime(type: SignatureType, seconds: number, bare: Uint8Array): Uint8Array {
  if (type === SIGNATURE_TYPES.ed25519) return bare
  return Uint8Array.of(...uint64(seconds), ...bare)
}

function lengthPrefixed(name: string): Uint8Array {
  const bytes = encodeText(name)
  if (bytes.length > NAME_BYTES_MAX) {
    throw new TlogError('TLOG_KEY_NAME', `${quote(name)} is longer than ${NAME_BYTES_MAX} bytes`)
  }
  return Uint8Array.of(bytes.length, ...bytes)
}

function uint64(value: number): Uint8Array {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value))
  return bytes
}

function assertSeconds(seconds: number): void {
  if (Number.isSafeInteger(seconds) && seconds >= 0) return
  throw new TlogError('TLOG_SIGNATURE_TIME', `time ${seconds} is not a whole number of seconds`)
}
