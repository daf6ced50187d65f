/** Who a request is made for, as far as the gateway has verified it. */
export interface Principal {
  readonly id: string
  readonly kind: 'user' | 'service' | 'anonymous'
  readonly issuer: string
  readonly groups: readonly string[]
  readonly roles: readonly string[]
  /** What the credential may be used for (RFC 6749, section 3.3); each is one word. */
  readonly scopes: readonly string[]
  /** Of the credential's claims those that the configuration maps, and no others. */
  readonly claims: Claims
}

export interface Claims {
  readonly [name: string]: readonly string[]
}

/** The ways in which somebody can show who they are. */
export type CredentialMethod =
  | 'api-key'
  | 'jwt'
  | 'introspection'
  | 'mtls'
  | 'http-signature'
  | 'session'
  | 'spiffe-x509'
  | 'spiffe-jwt'

/** How the principal proved it: what may be recorded of a credential. */
export interface Credential {
  readonly method: CredentialMethod
  /** Names the credential and proves nothing: a key's prefix, a `jti`, a serial number. */
  readonly id: string | undefined
  /** Hexadecimal SHA-256 of claims or certificate; never of what could be replayed. */
  readonly sha256?: string | undefined
  readonly label?: string | undefined
  /** Microseconds since 1970; undefined for a credential without an end. */
  readonly expiresAtUs: number | undefined
  /** When the principal last showed themself to the issuer, where the credential says so. */
  readonly authenticatedAtUs?: number | undefined
  /** The same, of an authentication with more than one factor. */
  readonly mfaAtUs?: number | undefined
  /** What shows that the caller's own key signed this very request. */
  readonly proof?: string | undefined
}

/** Nobody in particular: no credential was shown. */
export const ANONYMOUS: Principal = {
  id: 'anonymous',
  kind: 'anonymous',
  issuer: 'none',
  groups: [],
  roles: [],
  scopes: [],
  claims: {},
}

/** The issuer of everything in the keys file. */
export const KEYS_ISSUER = 'keys'
