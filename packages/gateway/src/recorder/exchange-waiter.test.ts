import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LeafIndex } from '@countersign/tlog'
import { systemClock } from '../platform/index.ts'
import { type Awaited, type ExchangeRecords, ExchangeWaiter, Promised } from './exchange-waiter.ts'
import { ReceiptMaker } from './receipt-maker.ts'
import { Recorded } from './recorded.ts'

const LEAF = '\0'.repeat(33)
const of: Awaited = {
  exchange: '019aa577-0000-7000-8000-000000000000',
  about: undefined,
  howSubject: undefined,
  isRelaxed: true,
  isMarked: true,
  bodies: undefined,
}

/** Waiters, and what became of each, in order. */
function started(): { waiter: () => ExchangeWaiter; seen: string[] } {
  const promised = new Promised(systemClock())
  const receipts = new ReceiptMaker({ epoch: 1, origin: 'o', tag: () => '' })
  const seen: string[] = []
  const records: ExchangeRecords = {
    told: ({ exchange, howSubject, isRelaxed }, index, leafText, incarnation) =>
      new Recorded(
        { epoch: 1, index, leafText, exchange, incarnation, howSubject, isRelaxed },
        receipts,
      ),
    promised: (waiter) => promised.add(waiter),
    durable: () => undefined,
  }
  const waiter = (): ExchangeWaiter =>
    new ExchangeWaiter(
      of,
      records,
      ({ index, isDurable }) => seen.push(`${index} ${isDurable ? 'durable' : 'promised'}`),
      () => seen.push('failed'),
    )
  return { waiter, seen }
}

const turnEnd = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('what is promised in a turn goes on at its end, in order, each once', async () => {
  const { waiter, seen } = started()
  const [one, two, three, four] = [waiter(), waiter(), waiter(), waiter()]
  one.promised(1 as LeafIndex, LEAF, 1)
  two.promised(2 as LeafIndex, LEAF, 1)
  three.promised(3 as LeafIndex, LEAF, 1)
  four.written(4 as LeafIndex, LEAF, 1)
  await Promise.resolve()
  assert.deepEqual(seen, ['4 durable'])
  two.failed(new Error('life is over'))
  three.written(3 as LeafIndex, LEAF, 1)
  await turnEnd()
  assert.deepEqual(seen, ['4 durable', 'failed', '1 promised', '3 durable'])
  one.written(1 as LeafIndex, LEAF, 1)
  waiter().promised(5 as LeafIndex, LEAF, 1)
  await turnEnd()
  assert.deepEqual(seen.slice(4), ['5 promised'])
})
