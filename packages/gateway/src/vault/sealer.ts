import type { Random } from '../platform/index.ts'
import { concat, utf8 } from './bytes.ts'
import {
  KEY_BYTES,
  NONCE_BYTES,
  openBytes,
  sealBytes,
  sealInto,
  secretKey,
  TAG_BYTES,
} from './cipher.ts'
import { VaultError } from './errors.ts'
import type { Kek } from './kek.ts'

/** Keys of write-ahead segments: random, one each, wrapped in the segment's own header. */
export interface Sealer {
  newSegment(): SealedSegment
  /** VAULT_KEY_DAMAGED when `wrapped` was not made under this key-encryption key. */
  openSegment(wrapped: Uint8Array): SegmentOpener
}

export interface SealedSegment {
  readonly wrapped: Uint8Array
  /**
   * Writes ciphertext and tag to `into` at `at`. `counter` is the nonce: a caller never gives the
   * same one twice for one segment.
   */
  seal(counter: number, aad: Uint8Array, plain: Uint8Array, into: Uint8Array, at: number): void
}

export interface SegmentOpener {
  /** VAULT_NOT_AUTHENTIC when it is not what was sealed with this counter and aad. */
  open(counter: number, aad: Uint8Array, sealed: Uint8Array): Uint8Array
}

export const WRAPPED_SEGMENT_BYTES: number = NONCE_BYTES + KEY_BYTES + TAG_BYTES

export function segmentSealer(options: {
  readonly kek: Kek
  readonly random: Random
  readonly origin: string
}): Sealer {
  const { kek, random } = options
  const wrapAad = utf8(`countersign/segment-key/v1\0${options.origin}`)
  return {
    newSegment: () => {
      const bytes = random.bytes(KEY_BYTES)
      const nonce = random.bytes(NONCE_BYTES)
      const wrapped = concat(nonce, sealBytes(kek.wrapKey, nonce, wrapAad, bytes))
      const key = secretKey(bytes)
      return {
        wrapped,
        seal: (counter, aad, plain, into, at) =>
          sealInto({ key, nonce: counterNonce(counter), aad }, plain, into, at),
      }
    },
    openSegment: (wrapped) => {
      const nonce = wrapped.subarray(0, NONCE_BYTES)
      const bytes =
        wrapped.length === WRAPPED_SEGMENT_BYTES
          ? openBytes(kek.wrapKey, nonce, wrapAad, wrapped.subarray(NONCE_BYTES))
          : undefined
      if (bytes === undefined) {
        throw new VaultError('VAULT_KEY_DAMAGED', 'key of the segment does not authenticate')
      }
      const key = secretKey(bytes)
      return { open: (counter, aad, sealed) => openFrame(key, counter, aad, sealed) }
    },
  }
}

function openFrame(
  key: ReturnType<typeof secretKey>,
  counter: number,
  aad: Uint8Array,
  sealed: Uint8Array,
): Uint8Array {
  const plain = openBytes(key, counterNonce(counter), aad, sealed)
  if (plain !== undefined) return plain
  throw new VaultError('VAULT_NOT_AUTHENTIC', `frame ${counter} is not what was sealed`)
}

function counterNonce(counter: number): Uint8Array {
  const nonce = Buffer.alloc(NONCE_BYTES)
  nonce.writeBigUInt64BE(BigInt(counter), NONCE_BYTES - 8)
  return nonce
}
