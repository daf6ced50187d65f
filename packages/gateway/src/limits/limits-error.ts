export type LimitsErrorCode =
  /** The file of the quotas is not what was written. */
  | 'LIMITS_FILE_DAMAGED'
  /** Quotas cannot be counted now: the disk or the shared store does not answer. */
  | 'LIMITS_UNAVAILABLE'

export class LimitsError extends Error {
  override readonly name = 'LimitsError'
  readonly code: LimitsErrorCode

  constructor(code: LimitsErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
