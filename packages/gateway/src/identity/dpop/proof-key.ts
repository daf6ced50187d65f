import { createPublicKey, hash, type KeyObject, verify } from 'node:crypto'
import type { JsonObject } from '@countersign/evidence'

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
const RSA_BITS_MIN = 2048
/** A larger one is slow to check with, which is all that it could be for. */
const RSA_BITS_MAX = 4096
const RSA_EXPONENTS = new Set(['AQAB'])
const RSA_PSS_PADDING = 6
const RSA_PKCS1_PADDING = 1

/** Points of small order: under them, signatures can be made that hold for any message. */
const SMALL_ORDER = new Set([
  '0100000000000000000000000000000000000000000000000000000000000000',
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0000000000000000000000000000000000000000000000000000000000000080',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa',
  '0100000000000000000000000000000000000000000000000000000000000080',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
])

/** The key of a JWK for this algorithm and no other; undefined for anything odd about it. */
export function readProofKey(jwk: JsonObject, algorithm: ProofAlgorithm): ProofKey | undefined {
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

function plainCurve(jwk: JsonObject, { crv = '', bytes = 0, kty }: Rule): PlainJwk | undefined {
  const x = coordinate(jwk.x, bytes)
  if (jwk.crv !== crv || x === undefined) return undefined
  if (kty === 'OKP') {
    const isSmall = SMALL_ORDER.has(Buffer.from(x, 'base64url').toString('hex'))
    return isSmall ? undefined : { crv, kty, x }
  }
  const y = coordinate(jwk.y, bytes)
  return y === undefined ? undefined : { crv, kty, x, y }
}

function plainRsa({ n, e }: JsonObject): PlainJwk | undefined {
  if (typeof n !== 'string' || typeof e !== 'string' || !RSA_EXPONENTS.has(e)) return undefined
  const modulus = Buffer.from(n, 'base64url')
  const bits = modulus.length * 8 - Math.clz32(modulus[0] ?? 0) + 24
  if (modulus.toString('base64url') !== n || bits < RSA_BITS_MIN || bits > RSA_BITS_MAX) {
    return undefined
  }
  return { e, kty: 'RSA', n }
}

function coordinate(value: unknown, bytes: number): string | undefined {
  if (typeof value !== 'string') return undefined
  const decoded = Buffer.from(value, 'base64url')
  return decoded.length === bytes && decoded.toString('base64url') === value ? value : undefined
}

function importKey(jwk: PlainJwk): KeyObject | undefined {
  try {
    return createPublicKey({ key: jwk, format: 'jwk' })
  } catch {
    return undefined // OpenSSL says no: a point that is not on its curve, for one.
  }
}
