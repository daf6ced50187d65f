export type ApprovalErrorCode =
  | 'APPROVAL_STATE_INVALID'
  | 'APPROVAL_UNKNOWN'
  | 'APPROVAL_OWN'
  | 'APPROVAL_NOT_ALLOWED'
  | 'APPROVAL_ANSWERED'
  | 'APPROVAL_TOO_WIDE'
  | 'APPROVAL_FULL'
  | 'APPROVAL_STILL_ACTIVE'
  | 'APPROVAL_SPENT'
  | 'APPROVAL_UNSAVED'

/** Why a step of an approval, or of breaking the glass, is not taken. */
export class ApprovalError extends Error {
  override readonly name = 'ApprovalError'
  readonly code: ApprovalErrorCode

  constructor(code: ApprovalErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
