// A recorder that says "recorded" and has not: the benches' way to see what recording costs.
import { leafIndex } from '@countersign/tlog'
import type { ExchangeRecorder } from '../packages/gateway/src/proxy/index.ts'
import { ReceiptMaker, Recorded } from '../packages/gateway/src/recorder/index.ts'

/** Says "recorded" and has not: what recording costs is the difference to `strict`. */
export function forgetful(): ExchangeRecorder {
  const exchange = '01a1fd44-cc79-7c5a-9dee-3169453d8873'
  const facts = { index: leafIndex(0), leafText: '\0'.repeat(33), incarnation: 0 }
  const recorded = new Recorded(
    { ...facts, epoch: 1, exchange, howSubject: undefined, isRelaxed: false },
    new ReceiptMaker({ epoch: 1, origin: 'bench', tag: () => '\0'.repeat(16) }),
  )
  const done = Promise.resolve(recorded)
  return {
    newExchange: () => exchange,
    beginIntent: (_draft, tell) => void done.then(tell),
    beginOutcome: (_intent, _draft, tell) => void done.then(tell),
    refusal: () => done,
    progress: async () => undefined,
    act: () => Promise.resolve(recorded),
    actant: () => ({ subject: '0'.repeat(32) }),
    windows: { use: () => undefined },
    folds: {
      open: async (draft) => ({ index: leafIndex(0), incarnation: 0, draft }),
      tally: async () => undefined,
      close: async () => undefined,
    },
    bodies: {
      begin: () => Promise.reject(new Error('keeps no body')),
      forget: async () => undefined,
    },
  }
}
