export type ContainmentErrorCode =
  | 'CONTAINMENT_STATE_INVALID'
  | 'CONTAINMENT_TARGET_INVALID'
  | 'CONTAINMENT_FULL'
  | 'CONTAINMENT_UNKNOWN'

/** Why a measure cannot be taken, lifted or read back. */
export class ContainmentError extends Error {
  override readonly name = 'ContainmentError'
  readonly code: ContainmentErrorCode

  constructor(code: ContainmentErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
