import { ed25519 as nobleEd25519 } from '@noble/curves/ed25519.js'
import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js'
import { ml_dsa44 as nobleMlDsa44 } from '@noble/post-quantum/ml-dsa.js'
import { ed25519, mlDsa44, nodeSha256 } from '../../gateway/src/platform/crypto.ts'
import type { PublicKeyOf, Sha256, SignatureAlgorithms, SignatureType } from '../src/index.ts'

/** One full set of algorithms; every test runs with the native and with the pure one. */
export interface Algorithms extends SignatureAlgorithms {
  readonly name: string
  readonly sha256: Sha256
  readonly publicKeyOf: PublicKeyOf
  readonly sign: (type: SignatureType, seed: Uint8Array, message: Uint8Array) => Uint8Array
}

const native: Algorithms = {
  name: 'node:crypto',
  sha256: nodeSha256,
  ed25519,
  mlDsa44,
  publicKeyOf: (type, seed) => (type === 6 ? mlDsa44 : ed25519).signer(seed).publicKey,
  sign: (type, seed, message) => (type === 6 ? mlDsa44 : ed25519).signer(seed).sign(message),
}

/** Deterministic where the native one is hedged. */
const pure: Algorithms = {
  name: '@noble',
  sha256: {
    digest: (bytes) => nobleSha256(bytes),
    digestInto: (bytes, into, offset) => into.set(nobleSha256(bytes), offset),
  },
  ed25519: {
    verify: (publicKey, message, signature) =>
      falseOnError(() => nobleEd25519.verify(signature, message, publicKey, { zip215: false })),
  },
  mlDsa44: {
    verify: (publicKey, message, signature) =>
      falseOnError(() => nobleMlDsa44.verify(signature, message, publicKey)),
  },
  publicKeyOf: (type, seed) =>
    type === 6 ? nobleMlDsa44.keygen(seed).publicKey : nobleEd25519.getPublicKey(seed),
  sign: (type, seed, message) =>
    type === 6
      ? nobleMlDsa44.sign(message, nobleMlDsa44.keygen(seed).secretKey, { extraEntropy: false })
      : nobleEd25519.sign(message, seed),
}

export const everyAlgorithm: readonly Algorithms[] = [native, pure]

function falseOnError(check: () => boolean): boolean {
  try {
    return check()
  } catch {
    return false
  }
}
