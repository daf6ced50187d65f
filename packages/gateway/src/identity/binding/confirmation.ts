/** The key that a token is bound to (RFC 7800, `cnf`), as far as we can check it. */
export interface Confirmation {
  /** RFC 9449: SHA-256 thumbprint of a JWK, base64url. */
  readonly jkt?: string | undefined
  /** RFC 8705: SHA-256 of a certificate's DER, base64url. */
  readonly certificateSha256?: string | undefined
}

/** 32 bytes in base64url; the last character carries four bits, so two of its bits are zero. */
const SHA256_FORM = /^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/

/**
 * Reads the claim `cnf`. Undefined: the token is bound to nothing. `unknown`: it is bound in a way
 * that is not checked here, or not well formed, and whoever takes it for a bearer token is wrong.
 */
export function parseConfirmation(cnf: unknown): Confirmation | 'unknown' | undefined {
  if (cnf === undefined) return undefined
  if (typeof cnf !== 'object' || cnf === null || Array.isArray(cnf)) return 'unknown'
  const members = Object.entries(cnf)
  const known = new Map<string, string>()
  for (const [name, value] of members) {
    if (name !== 'jkt' && name !== 'x5t#S256') return 'unknown'
    if (typeof value !== 'string' || !SHA256_FORM.test(value)) return 'unknown'
    known.set(name, value)
  }
  if (known.size === 0) return 'unknown'
  return { jkt: known.get('jkt'), certificateSha256: known.get('x5t#S256') }
}
