export type UpstreamErrorCode =
  /** A certificate, key, authority or revocation list that OpenSSL does not take. */
  | 'UPSTREAM_CERTIFICATE'
  /** A name that nothing answers for, or only with addresses that may not be used. */
  | 'UPSTREAM_UNRESOLVED'
  /** More requests than one of the upstream's own limits allows. */
  | 'UPSTREAM_FULL'
  /** Every target is unhealthy. */
  | 'UPSTREAM_DOWN'

export class UpstreamError extends Error {
  override readonly name = 'UpstreamError'
  readonly code: UpstreamErrorCode

  constructor(code: UpstreamErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
