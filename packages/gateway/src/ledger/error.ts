/**
 * | code | what the caller may conclude |
 * |---|---|
 * | FULL, QUEUE_FULL, BACKLOG, INTENTS_FULL | not written; try again later |
 * | UNAVAILABLE | not written: the instance is opening, dead or closed |
 * | DEAD | the write failed: the entry is there after recovery, or it is not |
 * | ENTRY_TOO_LARGE, ENTRY_INVALID, INTENT_CLOSED | not written, and never will be |
 * | OWNED, ROLLED_BACK, FORKED, DAMAGED, FENCED, KEYS | refuses to open; a person must choose |
 * | SIGNER_REFUSED, INTEGRATION | an instance met this and died of it |
 */
export type LedgerErrorCode =
  | 'LEDGER_FULL'
  | 'LEDGER_QUEUE_FULL'
  | 'LEDGER_BACKLOG'
  | 'LEDGER_INTENTS_FULL'
  | 'LEDGER_UNAVAILABLE'
  | 'LEDGER_DEAD'
  | 'LEDGER_ENTRY_TOO_LARGE'
  | 'LEDGER_ENTRY_INVALID'
  | 'LEDGER_INTENT_CLOSED'
  | 'LEDGER_OWNED'
  | 'LEDGER_ROLLED_BACK'
  | 'LEDGER_FORKED'
  | 'LEDGER_DAMAGED'
  | 'LEDGER_FENCED'
  | 'LEDGER_KEYS'
  | 'LEDGER_SIGNER_REFUSED'
  | 'LEDGER_INTEGRATION'

/** What the ledger refused, or died of. */
export class LedgerError extends Error {
  readonly code: LedgerErrorCode

  constructor(code: LedgerErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'LedgerError'
    this.code = code
  }
}
