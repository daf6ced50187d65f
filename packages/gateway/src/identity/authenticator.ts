import type { Presented } from './presented.ts'
import type { Credential, Principal } from './principal.ts'

/** Why somebody who showed a credential is not who they say. */
export type CredentialRefusal =
  | 'credentials-ambiguous'
  | 'credentials-malformed'
  | 'credentials-invalid'
  | 'credentials-expired'
  | 'credentials-revoked'
  | 'credentials-unverifiable'
  | 'proof-missing'
  | 'proof-invalid'
  | 'proof-replayed'
  | 'proof-nonce'
  | 'proof-unavailable'
  | 'certificate-refused'
  | 'signature-invalid'
  | 'login-required'
  | 'cross-site-refused'

/** Where in a request a credential stands. */
export type Carrier = 'authorization' | 'cookie' | 'signature' | 'certificate'

/** What the body must be for the credential to hold: a signature covered its digest. */
export interface BodyDigest {
  readonly algorithm: 'sha-256' | 'sha-512'
  readonly digest: Uint8Array
}

export interface Known {
  readonly known: true
  readonly principal: Principal
  /** Undefined for the anonymous principal, who showed none. */
  readonly credential: Credential | undefined
  readonly bodyDigest?: BodyDigest | undefined
  /** From here on the credential is not taken any more, where that is not its own expiry. */
  readonly untilUs?: number | undefined
  /** Whether it would be taken now: asked each second while something goes on for long. */
  readonly isStillGood?: ((atUs: number) => boolean) | undefined
}

export interface Refused {
  readonly known: false
  readonly reason: CredentialRefusal
  /** Where the holder is certain, as of an expired key; else it says nothing about anybody. */
  readonly credential: Credential | undefined
  /** Values of `WWW-Authenticate`. */
  readonly challenges: readonly string[]
  /** Further fields of the answer. */
  readonly headers?: readonly (readonly [name: string, value: string])[] | undefined
  /** Which rule it broke, in a word from a closed list; goes into the record. */
  readonly fault?: string | undefined
}

export type Identification = Known | Refused

/** One way of saying who somebody is. */
export interface Authenticator {
  /** As routes name it. */
  readonly name: string
  readonly kind: string
  readonly carrier: Carrier
  /** What `WWW-Authenticate` says to somebody who shows nothing. */
  readonly challenges: readonly string[]
  /** Whether the credential is one that this authenticator, and no other, is to judge. */
  recognises(presented: Presented): boolean
  /** At once where nothing has to be asked of anybody: no promise is made for nothing. */
  authenticate(presented: Presented): Identification | Promise<Identification>
  /** Where somebody who showed nothing can get a credential; undefined where they cannot. */
  invite?(presented: Presented): Refused | Promise<Refused> | undefined
}

/** RFC 6750, section 3: to somebody who showed nothing. */
export const BEARER_CHALLENGE = 'Bearer realm="countersign"'

/** RFC 6750, section 3.1, with a text that no part of the request got into. */
export function bearerChallenge(
  error: 'invalid_request' | 'invalid_token' | 'insufficient_scope',
  description?: string,
): string {
  const text = description === undefined ? '' : `, error_description="${description}"`
  return `${BEARER_CHALLENGE}, error="${error}"${text}`
}

/** What a route wants that the credential does not carry; `scopes` are the route's own words. */
export function insufficientScope(scopes: readonly string[]): string {
  return `${bearerChallenge('insufficient_scope')}, scope="${scopes.join(' ')}"`
}

export function refused(
  reason: CredentialRefusal,
  more: Partial<Omit<Refused, 'known' | 'reason'>> = {},
): Refused {
  return { known: false, reason, credential: undefined, challenges: CHALLENGES[reason], ...more }
}

const INVALID_REQUEST = [bearerChallenge('invalid_request')]
const INVALID_TOKEN = [bearerChallenge('invalid_token')]

const CHALLENGES: { readonly [reason in CredentialRefusal]: readonly string[] } = {
  'credentials-ambiguous': INVALID_REQUEST,
  'credentials-malformed': INVALID_REQUEST,
  'credentials-invalid': INVALID_TOKEN,
  'credentials-expired': [bearerChallenge('invalid_token', 'the credentials have expired')],
  'credentials-revoked': [bearerChallenge('invalid_token', 'the credentials were revoked')],
  'credentials-unverifiable': [],
  'proof-missing': INVALID_TOKEN,
  'proof-invalid': INVALID_TOKEN,
  'proof-replayed': INVALID_TOKEN,
  'proof-nonce': INVALID_TOKEN,
  'proof-unavailable': [],
  'certificate-refused': [BEARER_CHALLENGE],
  'signature-invalid': [BEARER_CHALLENGE],
  'login-required': [],
  'cross-site-refused': [],
}
