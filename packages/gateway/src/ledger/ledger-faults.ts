import type { LedgerState } from './commit-loop.ts'
import { LedgerError } from './error.ts'

export function full(): LedgerError {
  return new LedgerError('LEDGER_FULL', 'disk is full: the entry was not written')
}

export function backlog(): LedgerError {
  const message = 'disk is full: what was written before cannot be integrated'
  return new LedgerError('LEDGER_BACKLOG', message)
}

export function unavailable(state: LedgerState, cause?: unknown): LedgerError {
  const message = `instance is ${state}: the entry was not written`
  return new LedgerError('LEDGER_UNAVAILABLE', message, { cause })
}

export function asLedgerError(cause: unknown): LedgerError {
  if (cause instanceof LedgerError) return cause
  const why = cause instanceof Error ? cause.message : String(cause)
  return new LedgerError('LEDGER_DEAD', `instance died: ${why}`, { cause })
}
