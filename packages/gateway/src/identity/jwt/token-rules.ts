import { parseConfirmation } from '../binding/confirmation.ts'
import type { TokenFacts } from '../token/token-identity.ts'
import { type Algorithm, isAlgorithm } from './algorithms.ts'
import { type Members, member } from './members.ts'
import type { TokenFault } from './token-faults.ts'

/** What one issuer's tokens must be. */
export interface TokenRules {
  readonly issuer: string
  readonly audiences: readonly string[]
  readonly algorithms: readonly Algorithm[]
  /** `access-token`: as RFC 9068 says. `jwt`: any signed JWT that is not plainly something else. */
  readonly profile: 'access-token' | 'jwt'
  /** Without it, any client of the issuer. */
  readonly clients: readonly string[] | undefined
  readonly lifetimeMs: number
  readonly clockSkewMs: number
  readonly subjectClaim: string
  readonly scopes: { readonly claim: string; readonly form: 'words' | 'list' }
}

const SECOND_US = 1_000_000
const NAME_LENGTH_MAX = 256
const AUDIENCES_MAX = 64
const SCOPES_MAX = 100
const SCOPE_LENGTH_MAX = 200
const KID = /^[!-~]{1,256}$/
const SCOPE = /^[!#-[\]-~]+$/

export type HeaderReading =
  | { readonly ok: true; readonly algorithm: Algorithm; readonly kid: string | undefined }
  | { readonly ok: false; readonly fault: TokenFault }

/**
 * What the header says, where it may say so. `jku`, `x5u`, `jwk` and `x5c` are not looked at: keys
 * are the issuer's, never the token's.
 */
export function readHeader(header: Members, rules: TokenRules): HeaderReading {
  const algorithm = member(header, 'alg')
  if (!isAlgorithm(algorithm) || !rules.algorithms.includes(algorithm))
    return no('header-algorithm')
  // No extension is understood here, and one that is not said to be critical may not be `b64`.
  if (Object.hasOwn(header, 'crit') || Object.hasOwn(header, 'b64')) return no('header-critical')
  if (Object.hasOwn(header, 'enc') || Object.hasOwn(header, 'zip')) return no('token-form')
  if (!isTypeAccepted(member(header, 'typ'), rules.profile)) return no('header-type')
  const kid = member(header, 'kid')
  if (kid === undefined) return { ok: true, algorithm, kid }
  return typeof kid === 'string' && KID.test(kid) ? { ok: true, algorithm, kid } : no('header-key')
}

function no(fault: TokenFault): { readonly ok: false; readonly fault: TokenFault } {
  return { ok: false, fault }
}

function isTypeAccepted(typ: unknown, profile: TokenRules['profile']): boolean {
  if (typ === undefined) return profile === 'jwt'
  if (typeof typ !== 'string') return false
  const type = typ.toLowerCase().replace(/^application\//, '')
  return type === 'at+jwt' || (profile === 'jwt' && type === 'jwt')
}

export type FactsReading =
  | { readonly ok: true; readonly facts: TokenFacts & { readonly expiresAtUs: number } }
  | { readonly ok: false; readonly fault: TokenFault }

/** Reads the claims of a token at a time; the first rule that is broken is named. */
export function readFacts(payload: Members, rules: TokenRules, atUs: number): FactsReading {
  if (member(payload, 'iss') !== rules.issuer) return no('issuer')
  if (isOfAnotherKind(payload, rules.profile)) return no('token-kind')
  if (!isForUs(member(payload, 'aud'), rules.audiences)) return no('audience')
  const subject = member(payload, rules.subjectClaim)
  if (!isName(subject) || !isName(member(payload, 'sub') ?? subject)) return no('subject')
  const client = readClient(payload, rules)
  if (!client.ok) return client
  const id = member(payload, 'jti')
  if (id === undefined && rules.profile === 'access-token') return no('token-id')
  if (id !== undefined && !isName(id)) return no('token-id')
  const times = readTimes(payload, rules, atUs)
  if (!times.ok) return times
  const scopes = readScopes(member(payload, rules.scopes.claim), rules.scopes.form)
  if (scopes === undefined) return no('scope')
  const confirmation = parseConfirmation(member(payload, 'cnf'))
  if (confirmation === 'unknown') return no('confirmation')
  const { ok: _ok, ...known } = times
  const facts = { ...known, subject, client: client.client, id, scopes, confirmation }
  return { ok: true, facts }
}

/** What only ID tokens, logout tokens and the like have. */
function isOfAnotherKind(payload: Members, profile: TokenRules['profile']): boolean {
  const has = (name: string): boolean => Object.hasOwn(payload, name)
  if (has('events') || has('htu') || has('htm')) return true
  return profile === 'jwt' && (has('nonce') || has('at_hash') || has('c_hash') || has('s_hash'))
}

/** Exactly one of ours, code unit by code unit; others may stand beside it. */
export function isForUs(aud: unknown, audiences: readonly string[]): boolean {
  if (typeof aud === 'string') return audiences.includes(aud)
  if (!Array.isArray(aud) || aud.length > AUDIENCES_MAX) return false
  const isTexts = aud.every((each) => typeof each === 'string')
  return isTexts && aud.some((each) => audiences.includes(each))
}

export function isName(value: unknown): value is string {
  return typeof value === 'string' && /^[^\p{Cc}\p{Cs}]+$/u.test(value) && !isTooLong(value)
}

function isTooLong(value: string): boolean {
  return value.length > NAME_LENGTH_MAX
}

function readClient(
  payload: Members,
  { profile, clients }: TokenRules,
):
  | { readonly ok: true; readonly client: string | undefined }
  | { readonly ok: false; readonly fault: TokenFault } {
  const id = member(payload, 'client_id')
  const party = member(payload, 'azp')
  if (id === undefined && profile === 'access-token') return no('client')
  if (id !== undefined && party !== undefined && id !== party) return no('client')
  const client = id ?? party
  if (client === undefined) return clients === undefined ? { ok: true, client } : no('client')
  if (!isName(client)) return no('client')
  return clients === undefined || clients.includes(client) ? { ok: true, client } : no('client')
}

function readTimes(
  payload: Members,
  { profile, lifetimeMs, clockSkewMs }: TokenRules,
  atUs: number,
):
  | ({ readonly ok: true; readonly expiresAtUs: number } & Pick<
      TokenFacts,
      'issuedAtUs' | 'authenticatedAtUs'
    >)
  | { readonly ok: false; readonly fault: TokenFault } {
  const names = ['exp', 'nbf', 'iat', 'auth_time'] as const
  const [exp, nbf, iat, authTime] = names.map((name) => readTime(member(payload, name)))
  if ([exp, nbf, iat, authTime].includes(Number.NaN) || exp === undefined) return no('times')
  if (iat === undefined && profile === 'access-token') return no('times')
  const skewUs = clockSkewMs * 1000
  if (nbf !== undefined && nbf > atUs + skewUs) return no('not-yet-valid')
  if (iat !== undefined && iat > atUs + skewUs) return no('not-yet-valid')
  if (exp - (iat ?? atUs) > lifetimeMs * 1000) return no('lifetime')
  if (exp + skewUs <= atUs) return no('expired')
  return { ok: true, expiresAtUs: exp, issuedAtUs: iat, authenticatedAtUs: authTime }
}

/** Microseconds; NaN for what is no time. */
export function readTime(value: unknown): number | undefined {
  if (value === undefined) return undefined
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0) return Number.NaN
  return Number.isSafeInteger(value * SECOND_US) ? value * SECOND_US : Number.NaN
}

export function readScopes(value: unknown, form: 'words' | 'list'): readonly string[] | undefined {
  if (value === undefined) return []
  const words: unknown = form === 'words' && typeof value === 'string' ? value.split(' ') : value
  if (form === 'words' && typeof value !== 'string') return undefined
  if (value === '') return []
  if (!Array.isArray(words) || words.length > SCOPES_MAX) return undefined
  const isWord = (word: unknown): word is string =>
    typeof word === 'string' && word.length <= SCOPE_LENGTH_MAX && SCOPE.test(word)
  return words.every(isWord) ? [...new Set(words)] : undefined
}
