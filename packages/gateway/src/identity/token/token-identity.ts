import { hash } from 'node:crypto'
import type { Confirmation } from '../binding/confirmation.ts'
import { type ClaimMapping, mapClaims } from '../jwt/claim-mapping.ts'
import { type Members, member } from '../jwt/members.ts'
import type { Credential, Principal } from '../principal.ts'

/** What an issuer says of a token, read and found good. */
export interface TokenFacts {
  readonly subject: string
  readonly client: string | undefined
  readonly id: string | undefined
  readonly scopes: readonly string[]
  readonly expiresAtUs: number | undefined
  readonly issuedAtUs: number | undefined
  readonly authenticatedAtUs: number | undefined
  readonly confirmation: Confirmation | undefined
}

/** Who an issuer's tokens stand for. */
export interface Naming {
  readonly issuer: string
  readonly mapping: ClaimMapping
  /** Stands before every principal's id, so that no two issuers can mean one person by accident. */
  readonly principalPrefix: string
  /** `by-client`: a token whose subject is its client is a service's. */
  readonly kind: 'user' | 'service' | 'by-client'
  /** Values of `acr` that mean more than one factor; `mfa` in `amr` does so always. */
  readonly mfaAcr: readonly string[]
  readonly scopeClaim: string
}

/** Undefined where a mapped claim has no form that can be taken. */
export function principalOf(
  claims: Members,
  { subject, client, scopes }: TokenFacts,
  { issuer, mapping, principalPrefix, kind, scopeClaim }: Naming,
): Principal | undefined {
  const mapped = mapClaims(claims, { claim: scopeClaim, words: scopes }, mapping)
  const id = `${principalPrefix}${subject}`
  if (mapped === undefined || id === 'anonymous') return undefined
  const byClient = subject === client ? 'service' : 'user'
  return { id, kind: kind === 'by-client' ? byClient : kind, issuer, scopes, ...mapped }
}

/**
 * Its digest is of the claims alone: whoever reads it cannot make the token of it. When a second
 * factor was shown is known by `auth_time` alone: `iat` is new with every refresh.
 */
export function credentialOf(
  claims: { readonly members: Members; readonly bytes: Uint8Array },
  facts: TokenFacts,
  { method, mfaAcr }: { readonly method: Credential['method']; readonly mfaAcr: readonly string[] },
): Credential {
  const { authenticatedAtUs, expiresAtUs, id } = facts
  return {
    method,
    id,
    sha256: hash('sha256', claims.bytes, 'hex'),
    expiresAtUs,
    authenticatedAtUs,
    mfaAtUs: hasMfa(claims.members, mfaAcr) ? authenticatedAtUs : undefined,
  }
}

function hasMfa(claims: Members, mfaAcr: readonly string[]): boolean {
  const [amr, acr] = [member(claims, 'amr'), member(claims, 'acr')]
  if (Array.isArray(amr) && amr.includes('mfa')) return true
  return typeof acr === 'string' && mfaAcr.includes(acr)
}
