import type { LeafIndex } from '@countersign/tlog'
import {
  LedgerError,
  type LedgerErrorCode,
  type LedgerKeeper,
} from '../../packages/gateway/src/ledger/index.ts'
import type { RecordedLedger, RecordKeeper } from '../../packages/gateway/src/recorder/index.ts'
import type { Covered, Hits } from './coverage.ts'
import type { Model } from './model.ts'

const REFUSALS: Readonly<Partial<Record<LedgerErrorCode, Covered>>> = {
  LEDGER_UNAVAILABLE: 'refused: unavailable',
  LEDGER_FULL: 'refused: full',
  LEDGER_DEAD: 'refused: dead',
  LEDGER_BACKLOG: 'refused: backlog',
}

export interface AppendWatch {
  readonly model: Model
  readonly hits: Hits
  readonly nowMs: () => number
  /** An instance acknowledged an entry. */
  acknowledged(incarnation: number): void
  /** Takes what must not happen. */
  fail(error: unknown): void
}

/** What the recorder appends, and what the ledger answers, is told to the model first. */
export function watchedKeeper(keeper: LedgerKeeper, watch: AppendWatch): RecordKeeper {
  return {
    onIncarnation: (listener) =>
      keeper.onIncarnation((ledger) => listener(watchedLedger(ledger, watch))),
  }
}

function watchedLedger(ledger: RecordedLedger, watch: AppendWatch): RecordedLedger {
  const { model, hits } = watch
  const { incarnation, recovery } = ledger
  return {
    incarnation,
    recovery,
    get published() {
      return ledger.published
    },
    onPacked: (listener) => ledger.onPacked(listener),
    appendFor: (entry, waiter) => {
      const attempt = model.submit(entry, watch.nowMs())
      const note = (error: unknown): void => {
        if (!(error instanceof LedgerError)) watch.fail(error)
        else {
          attempt.refused = error.code
          const refusal = REFUSALS[error.code]
          if (refusal !== undefined) hits.add(refusal)
        }
      }
      const durable = (index: LeafIndex): void => {
        try {
          watch.acknowledged(incarnation)
          model.acknowledge(attempt, index)
          hits.add('acknowledged')
        } catch (error) {
          watch.fail(error)
        }
        waiter.durable(index)
      }
      const refused = (error: Error): void => {
        note(error)
        waiter.refused(error)
      }
      try {
        attempt.promised = ledger.appendFor(entry, { durable, refused })
        return attempt.promised
      } catch (error) {
        note(error)
        throw error
      }
    },
  }
}
