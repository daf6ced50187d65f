/** Who a request is made for, as far as the gateway has verified it. */
export interface Principal {
  readonly id: string
  readonly kind: 'user' | 'service' | 'anonymous'
  readonly issuer: string
  readonly groups: readonly string[]
  readonly roles: readonly string[]
}

/** How the principal proved it: what may be recorded of a credential. */
export interface Credential {
  readonly method: 'api-key'
  /** The key's prefix: names the key, proves nothing. */
  readonly id: string
  readonly label: string | undefined
  /** Microseconds since 1970; undefined for a key without an end. */
  readonly expiresAtUs: number | undefined
}

/** Nobody in particular: no credential was shown. */
export const ANONYMOUS: Principal = {
  id: 'anonymous',
  kind: 'anonymous',
  issuer: 'none',
  groups: [],
  roles: [],
}

/** The issuer of everything in the keys file. */
export const KEYS_ISSUER = 'keys'
