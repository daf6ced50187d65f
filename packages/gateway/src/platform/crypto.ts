import { createPrivateKey, createPublicKey, hash, type KeyObject, sign, verify } from 'node:crypto'
import { writeLatin1 } from './latin1.ts'

const SHA256_BYTES = 32
/** With a length the runtime does not look up whether the algorithm is deprecated without one. */
const AS_LATIN1 = { outputEncoding: 'latin1', outputLength: SHA256_BYTES } as const

/** Arrays up to it lie in the runtime's own heap. */
const HEAP_BYTES_MAX = 64

/** SHA-256 by the runtime. A digest comes as a latin1 string: a Buffer costs twice the hash. */
export const nodeSha256 = {
  digest(bytes: Uint8Array): Uint8Array {
    const digest = new Uint8Array(SHA256_BYTES)
    nodeSha256.digestInto(bytes, digest, 0)
    return digest
  },
  digestInto(bytes: Uint8Array, into: Uint8Array, offset: number): void {
    if (offset < 0 || offset + SHA256_BYTES > into.length) {
      throw new RangeError(`no room for a digest at ${offset} of ${into.length} bytes`)
    }
    const digest = nodeSha256.digestText(bytes)
    if (into.length > HEAP_BYTES_MAX) writeLatin1(into, offset, digest, SHA256_BYTES)
    else for (let at = 0; at < SHA256_BYTES; at += 1) into[offset + at] = digest.charCodeAt(at)
  },
  /** The digest with each byte a character. */
  digestText(bytes: Uint8Array): string {
    return hash('sha256', bytes, AS_LATIN1)
  },
} as const

/** A private key, held by the runtime. */
export interface SeededSigner {
  readonly publicKey: Uint8Array
  readonly sign: (message: Uint8Array) => Uint8Array
}

/** A signature algorithm with raw public keys and 32-byte seeds. */
export interface SeededAlgorithm {
  /** False for whatever is not a good signature, malformed keys included. */
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean
  signer(seed: Uint8Array): SeededSigner
}

/** RFC 8032, pure. */
export const ed25519: SeededAlgorithm = algorithm({
  publicKeyBytes: 32,
  publicKeyPrefix: '302a300506032b6570032100',
  seedPrefix: '302e020100300506032b657004220420',
})

/** FIPS 204, pure, empty context. Signatures are hedged: two of one message differ. */
export const mlDsa44: SeededAlgorithm = algorithm({
  publicKeyBytes: 1312,
  publicKeyPrefix: '30820532300b06096086480165030403110382052100',
  seedPrefix: '3034020100300b060960864801650304031104228020',
})

/** The DER around raw keys: it is constant, so a key is its prefix and the raw bytes. */
interface Encoding {
  readonly publicKeyBytes: number
  readonly publicKeyPrefix: string
  readonly seedPrefix: string
}

const SEED_BYTES = 32

function algorithm({ publicKeyBytes, publicKeyPrefix, seedPrefix }: Encoding): SeededAlgorithm {
  const spki = Buffer.from(publicKeyPrefix, 'hex')
  const pkcs8 = Buffer.from(seedPrefix, 'hex')
  return {
    verify(publicKey, message, signature) {
      if (publicKey.length !== publicKeyBytes) return false
      const key = Buffer.concat([spki, publicKey])
      return verify(null, message, publicKeyFrom(key), signature)
    },
    signer(seed) {
      if (seed.length !== SEED_BYTES) throw new RangeError(`seed is ${seed.length} bytes, not 32`)
      const key = Buffer.concat([pkcs8, seed])
      const privateKey = createPrivateKey({ key, format: 'der', type: 'pkcs8' })
      key.fill(0)
      const publicKey = createPublicKey(privateKey).export({ format: 'der', type: 'spki' })
      return {
        publicKey: new Uint8Array(publicKey.subarray(spki.length)),
        sign: (message) => new Uint8Array(sign(null, message, privateKey)),
      }
    },
  }
}

function publicKeyFrom(key: Buffer): KeyObject {
  return createPublicKey({ key, format: 'der', type: 'spki' })
}
