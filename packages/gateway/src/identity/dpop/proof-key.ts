import { createPublicKey, hash, type KeyObject, verify } from 'node:crypto'
import type { Members } from '../jwt/members.ts'
import { decodePart } from '../jwt/read-jws.ts'
import { ed25519Weakness, rsaWeakness } from '../jwt/weak-keys.ts'

/** Algorithms of proofs, all with public keys (RFC 7518, RFC 8037, RFC 9864). */
export const PROOF_ALGORITHMS = [
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
  'PS256',
  'RS256',
] as const

export type ProofAlgorithm = (typeof PROOF_ALGORITHMS)[number]

/** A public key that somebody showed, ready to check what they signed with it. */
export interface ProofKey {
  /** RFC 7638, SHA-256, base64url. */
  readonly thumbprint: string
  verify(signed: Uint8Array, signature: Uint8Array): boolean
}

interface Rule {
  readonly kty: 'EC' | 'OKP' | 'RSA'
  readonly crv?: string
  readonly hash: string | null
  readonly bytes?: number
  readonly isPss?: true
}

const RULES: { readonly [algorithm in ProofAlgorithm]: Rule } = {
  ES256: { kty: 'EC', crv: 'P-256', hash: 'sha256', bytes: 32 },
  ES384: { kty: 'EC', crv: 'P-384', hash: 'sha384', bytes: 48 },
  ES512: { kty: 'EC', crv: 'P-521', hash: 'sha512', bytes: 66 },
  EdDSA: { kty: 'OKP', crv: 'Ed25519', hash: null, bytes: 32 },
  Ed25519: { kty: 'OKP', crv: 'Ed25519', hash: null, bytes: 32 },
  PS256: { kty: 'RSA', hash: 'sha256', isPss: true },
  RS256: { kty: 'RSA', hash: 'sha256' },
}

/** Members of private keys; `oct` has `k`. Who shows one of them has lost the key. */
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']
/** 4096 bits: a larger one is slow to check with, which is all that it could be for. */
const RSA_BYTES_MAX = 512
const RSA_PSS_PADDING = 6
const RSA_PKCS1_PADDING = 1

/** The key of a JWK for this algorithm and no other; undefined for anything odd about it. */
export function readProofKey(jwk: Members, algorithm: ProofAlgorithm): ProofKey | undefined {
  const rule = RULES[algorithm]
  if (jwk.kty !== rule.kty || PRIVATE_MEMBERS.some((name) => Object.hasOwn(jwk, name))) {
    return undefined
  }
  if (jwk.alg !== undefined && jwk.alg !== algorithm) return undefined
  if (jwk.use !== undefined && jwk.use !== 'sig') return undefined
  const plain = rule.kty === 'RSA' ? plainRsa(jwk) : plainCurve(jwk, rule)
  if (plain === undefined) return undefined
  const key = importKey(plain)
  if (key === undefined) return undefined
  // RFC 7638: the required members in alphabetical order, which is how they stand in `plain`.
  const thumbprint = hash('sha256', JSON.stringify(plain), 'base64url')
  return { thumbprint, verify: (signed, signature) => check(rule, key, signed, signature) }
}

function check(rule: Rule, key: KeyObject, signed: Uint8Array, signature: Uint8Array): boolean {
  if (rule.kty === 'RSA') {
    const padding = rule.isPss ? RSA_PSS_PADDING : RSA_PKCS1_PADDING
    const saltLength = rule.isPss ? { saltLength: 32 } : {}
    return verify(rule.hash, signed, { key, padding, ...saltLength }, signature)
  }
  // P1363 and nothing else: OpenSSL would pad or cut a signature of another length.
  if (signature.length !== (rule.bytes ?? 0) * 2) return false
  return verify(rule.hash, signed, { key, dsaEncoding: 'ieee-p1363' }, signature)
}

type PlainJwk = Readonly<Record<string, string>>

function plainCurve(jwk: Members, { crv = '', bytes = 0, kty }: Rule): PlainJwk | undefined {
  const x = coordinate(jwk.x, bytes)
  if (jwk.crv !== crv || x === undefined) return undefined
  if (kty === 'OKP') {
    return ed25519Weakness(Buffer.from(x, 'base64url')) === undefined ? { crv, kty, x } : undefined
  }
  const y = coordinate(jwk.y, bytes)
  return y === undefined ? undefined : { crv, kty, x, y }
}

function plainRsa({ n, e }: Members): PlainJwk | undefined {
  if (typeof n !== 'string' || typeof e !== 'string') return undefined
  const [modulus, exponent] = [decodePart(n), decodePart(e)]
  if (modulus === undefined || exponent === undefined || modulus.length > RSA_BYTES_MAX) {
    return undefined
  }
  return rsaWeakness(integer(modulus), integer(exponent), 'usual') === undefined
    ? { e, kty: 'RSA', n }
    : undefined
}

function integer(bytes: Uint8Array): bigint {
  return BigInt(`0x0${Buffer.from(bytes).toString('hex')}`)
}

function coordinate(value: unknown, bytes: number): string | undefined {
  if (typeof value !== 'string') return undefined
  return decodePart(value)?.length === bytes ? value : undefined
}

function importKey(jwk: PlainJwk): KeyObject | undefined {
  try {
    return createPublicKey({ key: jwk, format: 'jwk' })
  } catch {
    return undefined // OpenSSL says no: a point that is not on its curve, for one.
  }
}
