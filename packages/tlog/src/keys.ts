import { decodeBase64, encodeBase64 } from './base64.ts'
import { TlogError } from './error.ts'
import type { Sha256 } from './hash.ts'
import { assertKeyName, hexKeyId } from './note.ts'
import { quote } from './numbers.ts'
import { encodeText } from './text.ts'

/** What a key signs, as the byte before its public key: see C2SP signed-note and cosignature. */
export const SIGNATURE_TYPES = {
  /** Ed25519 over the text of the note. */
  ed25519: 0x01,
  /** Ed25519 over time and checkpoint: a witness's cosignature. */
  cosignature: 0x04,
  /** ML-DSA-44 over cosigner, time, origin, range and root: a log's or a witness's. */
  mlDsa44: 0x06,
} as const

/** One of the signature types that this package knows. */
export type SignatureType = (typeof SIGNATURE_TYPES)[keyof typeof SIGNATURE_TYPES]

/** A public key under a name. */
export interface VerifierKey {
  readonly name: string
  /** Derived from name, type and key: `keyIdOf`. */
  readonly keyId: number
  readonly type: SignatureType
  /** 32 bytes for the Ed25519 types, 1,312 for ML-DSA-44. */
  readonly publicKey: Uint8Array
}

/** A verifier key together with the seed that signs for it. */
export interface SignerKey extends VerifierKey {
  /** 32 bytes. */
  readonly seed: Uint8Array
}

/** Derives the public key of a seed; the algorithm depends on the type. */
export type PublicKeyOf = (type: SignatureType, seed: Uint8Array) => Uint8Array

/** The length of a signing seed, for all types. */
export const SEED_BYTES = 32

/** The longest key name or log origin: messages that are signed write its length in one byte. */
export const NAME_BYTES_MAX = 255

const PUBLIC_KEY_BYTES: Readonly<Record<SignatureType, number>> = {
  [SIGNATURE_TYPES.ed25519]: 32,
  [SIGNATURE_TYPES.cosignature]: 32,
  [SIGNATURE_TYPES.mlDsa44]: 1312,
}

const VERIFIER_KEY = /^([^+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+={0,2})$/
const SIGNER_KEY_PREFIX = 'PRIVATE+KEY+'

/**
 * Returns the key id of a named key: the first 4 bytes of SHA-256(name || 0x0A || type || key).
 *
 * @see C2SP signed-note, "Signatures"
 */
export function keyIdOf(sha256: Sha256, key: Omit<VerifierKey, 'keyId'>): number {
  const name = encodeText(key.name)
  const hashed = new Uint8Array(name.length + 2 + key.publicKey.length)
  hashed.set(name)
  hashed.set([0x0a, key.type], name.length)
  hashed.set(key.publicKey, name.length + 2)
  const digest = sha256.digest(hashed)
  return new DataView(digest.buffer, digest.byteOffset).getUint32(0)
}

/**
 * Returns the key that a verifier key `name+hex+base64` writes, after recomputing its key id.
 *
 * @throws TlogError TLOG_KEY_FORMAT, TLOG_KEY_NAME, TLOG_KEY_TYPE, TLOG_KEY_ID, TLOG_BASE64
 * @see C2SP signed-note, "Verifier keys"
 */
export function parseVerifierKey(sha256: Sha256, text: string): VerifierKey {
  const { name, keyId, type, material } = parseKey(text)
  const key = verifierKey(sha256, { name, type, publicKey: material })
  assertKeyId(key, keyId)
  return key
}

/**
 * Returns the text of a verifier key, `name+hex+base64`.
 *
 * @throws TlogError TLOG_KEY_FORMAT, TLOG_KEY_NAME
 */
export function formatVerifierKey(sha256: Sha256, key: Omit<VerifierKey, 'keyId'>): string {
  const { name, keyId, type, publicKey } = verifierKey(sha256, key)
  return formatKey(name, keyId, type, publicKey)
}

/**
 * Returns the key that a signer key `PRIVATE+KEY+name+hex+base64` writes, after deriving its
 * public key and recomputing its key id. Messages never hold any part of it.
 *
 * @param publicKeyOf  derives the public key of a seed
 * @throws TlogError TLOG_KEY_FORMAT, TLOG_KEY_NAME, TLOG_KEY_TYPE, TLOG_KEY_ID
 * @see golang.org/x/mod/sumdb/note, NewSigner
 */
export function parseSignerKey(sha256: Sha256, text: string, publicKeyOf: PublicKeyOf): SignerKey {
  if (!text.startsWith(SIGNER_KEY_PREFIX)) {
    throw new TlogError('TLOG_KEY_FORMAT', `signer key does not begin with ${SIGNER_KEY_PREFIX}`)
  }
  const { name, keyId, type, material: seed } = parseKey(text.slice(SIGNER_KEY_PREFIX.length))
  assertSeed(seed)
  const key = verifierKey(sha256, { name, type, publicKey: publicKeyOf(type, seed) })
  assertKeyId(key, keyId)
  return { ...key, seed }
}

/**
 * Returns the text of a signer key, `PRIVATE+KEY+name+hex+base64`. It is the secret itself.
 *
 * @throws TlogError TLOG_KEY_FORMAT, TLOG_KEY_NAME
 */
export function formatSignerKey(sha256: Sha256, key: Omit<SignerKey, 'keyId'>): string {
  const { name, keyId, type } = verifierKey(sha256, key)
  assertSeed(key.seed)
  return SIGNER_KEY_PREFIX + formatKey(name, keyId, type, key.seed)
}

/**
 * Returns the key with its key id, or refuses what no verifier key could write.
 *
 * @throws TlogError TLOG_KEY_FORMAT, TLOG_KEY_NAME
 */
export function verifierKey(sha256: Sha256, key: Omit<VerifierKey, 'keyId'>): VerifierKey {
  const { name, type, publicKey } = key
  assertKeyName(name)
  if (encodeText(name).length > NAME_BYTES_MAX) {
    throw new TlogError('TLOG_KEY_NAME', `${quote(name)} is longer than ${NAME_BYTES_MAX} bytes`)
  }
  if (publicKey.length !== PUBLIC_KEY_BYTES[type]) {
    const message = `public key of ${quote(name)} is ${publicKey.length} bytes long`
    throw new TlogError('TLOG_KEY_FORMAT', message)
  }
  return { name, keyId: keyIdOf(sha256, key), type, publicKey }
}

function parseKey(text: string): {
  readonly name: string
  readonly keyId: number
  readonly type: SignatureType
  readonly material: Uint8Array
} {
  const [, name, hex, base64] = VERIFIER_KEY.exec(text) ?? []
  if (name === undefined || hex === undefined || base64 === undefined) {
    throw new TlogError('TLOG_KEY_FORMAT', 'key is not written as name+hex+base64')
  }
  const typed = decodeKey(base64)
  const type = Object.values(SIGNATURE_TYPES).find((known) => known === typed[0])
  if (type === undefined) {
    throw new TlogError('TLOG_KEY_TYPE', `key of ${quote(name)} has unknown type ${typed[0]}`)
  }
  return { name, keyId: Number.parseInt(hex, 16), type, material: typed.subarray(1) }
}

/** Decodes without quoting the text in the error: it may be a secret. */
function decodeKey(base64: string): Uint8Array {
  try {
    return decodeBase64(base64)
  } catch {
    throw new TlogError('TLOG_BASE64', 'key is not canonical base64')
  }
}

function formatKey(name: string, keyId: number, type: number, material: Uint8Array): string {
  return `${name}+${hexKeyId(keyId)}+${encodeBase64(Uint8Array.of(type, ...material))}`
}

function assertKeyId(key: VerifierKey, written: number): void {
  if (key.keyId === written) return
  const message = `key id of ${quote(key.name)} is ${hexKeyId(key.keyId)}, not ${hexKeyId(written)}`
  throw new TlogError('TLOG_KEY_ID', message)
}

function assertSeed(seed: Uint8Array): void {
  if (seed.length === SEED_BYTES) return
  throw new TlogError('TLOG_KEY_FORMAT', `seed is ${seed.length} bytes, not ${SEED_BYTES}`)
}
