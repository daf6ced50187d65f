/**
 * What a failed handshake was about, as records say it. The left side is what OpenSSL, Node and
 * our own checks call it; a code that is not here and speaks of TLS is `tls`.
 */
const WORDS: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'certificate-expired',
  CERT_NOT_YET_VALID: 'certificate-not-yet-valid',
  NAME_MISMATCH: 'certificate-name',
  ERR_TLS_CERT_ALTNAME_INVALID: 'certificate-name',
  HOSTNAME_MISMATCH: 'certificate-name',
  PIN_MISMATCH: 'certificate-pin',
  PURPOSE_WRONG: 'certificate-purpose',
  INVALID_PURPOSE: 'certificate-purpose',
  KEY_WEAK: 'certificate-weak',
  SIGNATURE_WEAK: 'certificate-weak',
  EE_KEY_TOO_SMALL: 'certificate-weak',
  CA_KEY_TOO_SMALL: 'certificate-weak',
  CA_MD_TOO_WEAK: 'certificate-weak',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'certificate-self-signed',
  SELF_SIGNED_CERT_IN_CHAIN: 'certificate-untrusted',
  UNABLE_TO_GET_ISSUER_CERT: 'certificate-untrusted',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'certificate-untrusted',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'certificate-untrusted',
  CERT_UNTRUSTED: 'certificate-untrusted',
  CERT_REJECTED: 'certificate-untrusted',
  CERT_SIGNATURE_FAILURE: 'certificate-untrusted',
  CERT_CHAIN_TOO_LONG: 'certificate-untrusted',
  PATH_LENGTH_EXCEEDED: 'certificate-untrusted',
  INVALID_CA: 'certificate-untrusted',
  PERMITTED_VIOLATION: 'certificate-name-constraint',
  EXCLUDED_VIOLATION: 'certificate-name-constraint',
  CERT_REVOKED: 'certificate-revoked',
  UNABLE_TO_GET_CRL: 'revocation-list-missing',
  CRL_HAS_EXPIRED: 'revocation-list-expired',
  CRL_NOT_YET_VALID: 'revocation-list-expired',
  CRL_SIGNATURE_FAILURE: 'revocation-list-untrusted',
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: 'certificate-demanded',
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: 'certificate-not-taken',
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: 'certificate-not-taken',
  ERR_SSL_SSL_ALERT_BAD_CERTIFICATE: 'certificate-not-taken',
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN: 'certificate-not-taken',
  ERR_SSL_UNSUPPORTED_PROTOCOL: 'tls-version',
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: 'tls-version',
  ERR_SSL_WRONG_VERSION_NUMBER: 'tls-version',
  ERR_SSL_UNSAFE_LEGACY_RENEGOTIATION_DISABLED: 'tls-version',
  ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE: 'tls-handshake',
  ERR_SSL_SSL_ALERT_HANDSHAKE_FAILURE: 'tls-handshake',
  'ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE': 'tls-handshake',
  ERR_SSL_DH_KEY_TOO_SMALL: 'tls-handshake',
}

/** The messages of verification errors that Node gives no code of their own. */
const MESSAGES: readonly (readonly [RegExp, string])[] = [
  [/permitted subtree violation|excluded subtree violation/i, 'certificate-name-constraint'],
  [/key too small|md too weak|too weak|security level/i, 'certificate-weak'],
  [/unsuitable certificate purpose|unsupported certificate purpose/i, 'certificate-purpose'],
  [/name constraints/i, 'certificate-name-constraint'],
  [/certificate revoked/i, 'certificate-revoked'],
  [/CRL/, 'revocation-list-missing'],
]

/** In our words; undefined for an error that is not about TLS. */
export function tlsFault(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined
  const code = 'code' in error ? String(error.code) : ''
  const word = WORDS[code]
  if (word !== undefined) return word
  const [, found] = MESSAGES.find(([pattern]) => pattern.test(error.message)) ?? []
  if (found !== undefined && !code.startsWith('E')) return found
  if (!code.startsWith('ERR_SSL_') && !code.startsWith('ERR_TLS_')) return found
  return found ?? 'tls'
}
