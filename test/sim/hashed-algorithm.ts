import { hash } from 'node:crypto'
import type { SeededAlgorithm } from '../../packages/gateway/src/platform/index.ts'

const PUBLIC_KEY_BYTES = 1312
const SIGNATURE_BYTES = 2420

/**
 * Keys and signatures as long as ML-DSA-44's, made of hashes: they bind message and key and take no
 * time, but whoever knows the public key can make them. For simulation, where nobody would.
 */
export const hashedAlgorithm: SeededAlgorithm = {
  signer(seed) {
    const publicKey = stretch(seed, PUBLIC_KEY_BYTES)
    return { publicKey, sign: (message) => signatureOf(publicKey, message) }
  },
  verify(publicKey, message, signature) {
    return Buffer.compare(signatureOf(publicKey, message), signature) === 0
  },
}

function signatureOf(publicKey: Uint8Array, message: Uint8Array): Uint8Array {
  return stretch(Buffer.concat([publicKey, message]), SIGNATURE_BYTES)
}

function stretch(bytes: Uint8Array, length: number): Uint8Array {
  const digest = hash('sha256', bytes, 'buffer')
  return Uint8Array.from({ length }, (_, at) => digest[at % digest.length] ?? 0)
}
