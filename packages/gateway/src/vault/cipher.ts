import {
  createCipheriv,
  createDecipheriv,
  createSecretKey,
  hkdfSync,
  type KeyObject,
} from 'node:crypto'
import { utf8 } from './bytes.ts'

export const KEY_BYTES = 32
export const NONCE_BYTES = 12
export const TAG_BYTES = 16

const NO_SALT = new Uint8Array(0)
const NO_HEAD = new Uint8Array(0)

/** A raw Buffer as cipher key costs four times the cipher call on Node 24: keys are KeyObjects. */
export function secretKey(bytes: Uint8Array): KeyObject {
  return createSecretKey(bytes)
}

/** HKDF-SHA-256 (RFC 5869) without salt. */
export function deriveKey(key: KeyObject, info: Uint8Array | string): Uint8Array {
  const label = typeof info === 'string' ? utf8(info) : info
  return new Uint8Array(hkdfSync('sha256', key, NO_SALT, label, KEY_BYTES))
}

/** AES-256-GCM; the result is `head`, the ciphertext and its 16-byte tag. */
export function sealBytes(
  key: KeyObject,
  nonce: Uint8Array,
  aad: Uint8Array,
  plain: Uint8Array,
  head: Uint8Array = NO_HEAD,
): Uint8Array {
  const cipher = createCipheriv('aes-256-gcm', key, nonce)
  cipher.setAAD(aad)
  const sealed = cipher.update(plain)
  cipher.final()
  const tag = cipher.getAuthTag()
  return Buffer.concat([head, sealed, tag], head.length + plain.length + TAG_BYTES)
}

/** What one call of the cipher returns: a larger piece has memory of its own from the system. */
const PIECE_BYTES = 65_536

/** As `sealBytes`, written to `into` at `at`: what is sealed may be large. */
export function sealInto(
  by: { readonly key: KeyObject; readonly nonce: Uint8Array; readonly aad: Uint8Array },
  plain: Uint8Array,
  into: Uint8Array,
  at: number,
): void {
  const cipher = createCipheriv('aes-256-gcm', by.key, by.nonce)
  cipher.setAAD(by.aad)
  for (let from = 0; from < plain.length; from += PIECE_BYTES) {
    const piece = plain.length <= PIECE_BYTES ? plain : plain.subarray(from, from + PIECE_BYTES)
    into.set(cipher.update(piece), at + from)
  }
  cipher.final()
  into.set(cipher.getAuthTag(), at + plain.length)
}

/** The plaintext, or undefined when it is not what was sealed under this key, nonce and aad. */
export function openBytes(
  key: KeyObject,
  nonce: Uint8Array,
  aad: Uint8Array,
  sealed: Uint8Array,
): Uint8Array | undefined {
  if (sealed.length < TAG_BYTES) return undefined
  const split = sealed.length - TAG_BYTES
  const decipher = createDecipheriv('aes-256-gcm', key, nonce)
  decipher.setAAD(aad)
  decipher.setAuthTag(sealed.subarray(split))
  const plain = decipher.update(sealed.subarray(0, split))
  try {
    decipher.final()
  } catch {
    return undefined
  }
  return plain
}
