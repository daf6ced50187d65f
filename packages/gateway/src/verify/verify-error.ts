export type VerifyErrorCode =
  | 'VERIFY_USAGE'
  | 'VERIFY_NOTHING_THERE'
  | 'VERIFY_UNREADABLE'
  | 'VERIFY_UNREACHABLE'

/** The audit could not be made: exit 2. What it finds is never thrown, it is reported. */
export class VerifyError extends Error {
  override readonly name = 'VerifyError'
  readonly code: VerifyErrorCode

  constructor(code: VerifyErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
