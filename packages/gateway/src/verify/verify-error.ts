export type VerifyErrorCode =
  | 'VERIFY_USAGE'
  | 'VERIFY_NOTHING_THERE'
  | 'VERIFY_UNREADABLE'
  | 'VERIFY_UNREACHABLE'
  /** No checkpoint covers the entry yet. */
  | 'VERIFY_NOT_COVERED'
  /** What was asked for is sealed, and its key is not here. */
  | 'VERIFY_NO_KEY'
  /** What was asked for is there, and is not what was signed. */
  | 'VERIFY_TAMPERED'

/** What was asked for could not be done. What a whole audit finds is reported, never thrown. */
export class VerifyError extends Error {
  override readonly name = 'VerifyError'
  readonly code: VerifyErrorCode

  constructor(code: VerifyErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
