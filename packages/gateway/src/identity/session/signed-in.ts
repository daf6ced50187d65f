import { mapClaims } from '../jwt/claim-mapping.ts'
import { type Members, member } from '../jwt/members.ts'
import type { Principal } from '../principal.ts'
import type { LoginConfig } from './login-config.ts'
import { LoginFault } from './provider.ts'

type Naming = Pick<LoginConfig, 'name' | 'principalPrefix'>

const SECOND_US = 1_000_000
/** Up to 255 characters (OpenID Connect Core, section 2), none of them for controlling anything. */
const SUBJECT = /^[^\p{Cc}\p{Cs}]{1,255}$/u
const NO_SCOPES = { claim: '', words: [] }

/** Who has signed in, by verified claims; only what the configuration maps is taken. */
export function principalOf(
  claims: Members,
  config: Naming & Pick<LoginConfig, 'issuer' | 'map'>,
): Principal {
  const sub = member(claims, 'sub')
  if (typeof sub !== 'string' || !SUBJECT.test(sub)) throw new LoginFault('sub is not plain text')
  const mapped = mapClaims(claims, NO_SCOPES, config.map)
  if (mapped === undefined) throw new LoginFault('a claim that is mapped is not plain text')
  const id = principalId(config, sub)
  if (id === 'anonymous') throw new LoginFault('sub is the name of nobody')
  return { id, kind: 'user', issuer: config.issuer, scopes: [], ...mapped }
}

/** What somebody is called here: two providers may call two people the same. */
export function principalId({ name, principalPrefix = `${name}:` }: Naming, sub: string): string {
  return `${principalPrefix}${sub}`
}

/** Whether more than one factor was shown, by what the provider says. */
export function hasMfa(claims: Members, { mfaAcr }: Pick<LoginConfig, 'mfaAcr'>): boolean {
  const [amr, acr] = [member(claims, 'amr'), member(claims, 'acr')]
  if (Array.isArray(amr) && amr.includes('mfa')) return true
  return typeof acr === 'string' && mfaAcr.includes(acr)
}

/** Seconds since 1970, as claims tell them, in microseconds. */
export function timeOf(claim: unknown): number | undefined {
  return typeof claim === 'number' && Number.isSafeInteger(claim * SECOND_US)
    ? claim * SECOND_US
    : undefined
}
