import { hash } from 'node:crypto'
import type { SeededAlgorithm } from '../../packages/gateway/src/platform/index.ts'

/**
 * Keys and signatures of the right length, made of hashes: they bind message and key, are the same
 * each time, and take no time. Whoever knows the public key can make them, but here nobody would.
 */
export function hashedAlgorithm(bytes: {
  readonly publicKey: number
  readonly signature: number
}): SeededAlgorithm {
  const signatureOf = (publicKey: Uint8Array, message: Uint8Array): Uint8Array =>
    stretch(Buffer.concat([publicKey, message]), bytes.signature)
  return {
    signer(seed) {
      const publicKey = stretch(seed, bytes.publicKey)
      return { publicKey, sign: (message) => signatureOf(publicKey, message) }
    },
    verify: (publicKey, message, signature) =>
      Buffer.compare(signatureOf(publicKey, message), signature) === 0,
  }
}

function stretch(bytes: Uint8Array, length: number): Uint8Array {
  return new Uint8Array(Buffer.alloc(length, hash('sha256', bytes, 'buffer')))
}
