/**
 * | code | what the caller may conclude |
 * |---|---|
 * | UNAVAILABLE | not known to be written: the ledger cannot take it now, or died while writing |
 * | OVERLOADED | not written: too much waits for the disk already |
 * | INTENT_CLOSED | not written, and never will be: the exchange has its end on record |
 * | TOO_LARGE, NOT_STRICT | not written, and never will be: this draft is no record |
 * | STOPPED | not written: the recorder has ended its last incarnation, or not begun its first |
 */
export type RecorderErrorCode =
  | 'RECORDER_UNAVAILABLE'
  | 'RECORDER_OVERLOADED'
  | 'RECORDER_INTENT_CLOSED'
  | 'RECORDER_TOO_LARGE'
  | 'RECORDER_NOT_STRICT'
  | 'RECORDER_STOPPED'

/** What could not be recorded. */
export class RecorderError extends Error {
  readonly code: RecorderErrorCode

  constructor(code: RecorderErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'RecorderError'
    this.code = code
  }
}
