export type AcmeErrorCode =
  /** The directory cannot be reached, or does not answer as RFC 8555 says. */
  | 'ACME_DIRECTORY'
  /** The authority looked, and did not find what it wants to see. */
  | 'ACME_VALIDATION'
  /** It did not come to an end in `orderMs`. */
  | 'ACME_TIMEOUT'
  /** What was issued is not what was asked for. */
  | 'ACME_CERTIFICATE'
  /** What was kept is not what was written. */
  | 'ACME_STORE'
  /** The gateway stops. */
  | 'ACME_CLOSED'

export class AcmeError extends Error {
  override readonly name = 'AcmeError'
  readonly code: AcmeErrorCode

  constructor(code: AcmeErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
