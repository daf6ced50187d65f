import { createHash, createPublicKey, createSecretKey, type KeyObject } from 'node:crypto'
import { ALGORITHMS, type Algorithm, isAlgorithm } from './algorithms.ts'
import { isMembers, type Members, member } from './members.ts'
import { decodePart } from './read-jws.ts'
import { ed25519Weakness, type RsaExponent, rsaWeakness } from './weak-keys.ts'

/** A key that signatures of one issuer are checked with. */
export interface VerifyKey {
  readonly kid: string | undefined
  /** What it is, whatever it is called: the same key read again has the same. */
  readonly identity: string
  /** The algorithms that it may be used with: of its kind, allowed, and as its own `alg` says. */
  readonly algorithms: readonly Algorithm[]
  readonly key: KeyObject
}

export interface KeyRules {
  readonly algorithms: readonly Algorithm[]
  readonly rsaExponent: RsaExponent
}

export type KeyReading =
  | { readonly ok: true; readonly key: VerifyKey }
  | {
      readonly ok: false
      readonly kid: string | undefined
      /** Why it is not used; says nothing of a private part. */
      readonly why: string
    }

/** Members that only private and secret keys have. */
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']
/** What a public key consists of, by `kty`. */
const PUBLIC_MEMBERS = { RSA: ['n', 'e'], EC: ['crv', 'x', 'y'], OKP: ['crv', 'x'] } as const

/** Reads one key of a published set, or says why it is not used. */
export function readVerifyKey(jwk: unknown, rules: KeyRules): KeyReading {
  if (!isMembers(jwk)) return { ok: false, kid: undefined, why: 'is not an object' }
  const kid = member(jwk, 'kid')
  if (kid !== undefined && typeof kid !== 'string') {
    return { ok: false, kid: undefined, why: 'has a kid that is no string' }
  }
  const no = (why: string): KeyReading => ({ ok: false, kid, why })
  const kty = member(jwk, 'kty')
  if (kty !== 'RSA' && kty !== 'EC' && kty !== 'OKP') return no('is of a kind that is not taken')
  if (PRIVATE_MEMBERS.some((name) => Object.hasOwn(jwk, name))) return no('has a private part')
  const purpose = purposeFault(jwk)
  if (purpose !== undefined) return no(purpose)
  const algorithms = rules.algorithms.filter((name) => fits(name, jwk, kty))
  if (algorithms.length === 0) return no('fits no algorithm that is allowed')
  const weakness = weaknessOf(jwk, kty, rules)
  if (weakness !== undefined) return no(weakness)
  const parts = PUBLIC_MEMBERS[kty].map((name) => [name, jwk[name]])
  try {
    // Whether the point is on its curve is checked here.
    const key = createPublicKey({ key: { ...Object.fromEntries(parts), kty }, format: 'jwk' })
    return { ok: true, key: { kid, identity: identityOf(key), algorithms, key } }
  } catch {
    return no('is not a well-formed key')
  }
}

/** A secret that issuer and gateway share. */
export function secretKey(secret: Uint8Array, algorithms: readonly Algorithm[]): VerifyKey {
  const key = createSecretKey(secret)
  return { kid: undefined, identity: 'secret', algorithms, key }
}

function purposeFault(jwk: Members): string | undefined {
  const use = member(jwk, 'use')
  if (use !== undefined && use !== 'sig') return 'is not for signatures'
  const operations = member(jwk, 'key_ops')
  if (operations === undefined) return undefined
  const mayVerify = Array.isArray(operations) && operations.includes('verify')
  return mayVerify ? undefined : 'is not for verifying'
}

function fits(name: Algorithm, jwk: Members, kty: string): boolean {
  const rule: { readonly kty: string; readonly crv?: string } = ALGORITHMS[name]
  if (rule.kty !== kty || (rule.crv !== undefined && rule.crv !== member(jwk, 'crv'))) return false
  const own = member(jwk, 'alg')
  return own === undefined || own === name || (isEdwards(own) && isEdwards(name))
}

/** Two names of one algorithm (RFC 9864). */
function isEdwards(name: unknown): boolean {
  return isAlgorithm(name) && (name === 'EdDSA' || name === 'Ed25519')
}

function weaknessOf(jwk: Members, kty: string, { rsaExponent }: KeyRules): string | undefined {
  const part = (name: string): Uint8Array | undefined => {
    const text = member(jwk, name)
    return typeof text === 'string' && text !== '' ? decodePart(text) : undefined
  }
  if (kty === 'RSA') {
    const [n, e] = [part('n'), part('e')]
    if (n === undefined || e === undefined) return 'is not a well-formed RSA key'
    return rsaWeakness(integer(n), integer(e), rsaExponent)
  }
  const [x, y] = [part('x'), part('y')]
  if (x === undefined || (kty === 'EC' && y === undefined)) return 'is not a well-formed key'
  return kty === 'OKP' ? ed25519Weakness(x) : undefined
}

function integer(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).toString('hex')}`)
}

function identityOf(key: KeyObject): string {
  const der = key.export({ format: 'der', type: 'spki' })
  return createHash('sha256').update(der).digest('base64url')
}
