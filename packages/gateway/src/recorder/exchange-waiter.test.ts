import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LeafIndex } from '@countersign/tlog'
import { systemClock } from '../platform/index.ts'
import { type Awaited, type ExchangeRecords, ExchangeWaiter, Tellings } from './exchange-waiter.ts'
import { ReceiptMaker } from './receipt-maker.ts'
import { Recorded } from './recorded.ts'

/** Of the record whose caller throws. */
const BROKEN = 13
const LEAF = '\0'.repeat(33)
const of: Awaited = {
  exchange: '019aa577-0000-7000-8000-000000000000',
  ending: undefined,
  howSubject: undefined,
  isRelaxed: true,
  isMarked: true,
  bodies: undefined,
}

/** Waiters, and what became of each, in order. */
function started(): { waiter: () => ExchangeWaiter; seen: string[] } {
  const receipts = new ReceiptMaker({ epoch: 1, origin: 'o', tag: () => '' })
  const seen: string[] = []
  const onFault = (fault: unknown): void => void seen.push(String(fault))
  const records: ExchangeRecords = {
    told: ({ exchange, howSubject, isRelaxed }, index, leafText, incarnation) =>
      new Recorded(
        { epoch: 1, index, leafText, exchange, incarnation, howSubject, isRelaxed },
        receipts,
      ),
    durable: () => undefined,
    failed: () => true,
    promised: new Tellings((tell) => systemClock().atTurnEnd(tell), onFault),
    settled: new Tellings(queueMicrotask, onFault),
  }
  const waiter = (): ExchangeWaiter =>
    new ExchangeWaiter(
      of,
      records,
      ({ index, isDurable }) => {
        seen.push(`${index} ${isDurable ? 'durable' : 'promised'}`)
        if (index === BROKEN) throw new Error('caller is broken')
      },
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

test('nobody is told inside the call that settles a record', async () => {
  const { waiter, seen } = started()
  waiter().written(1 as LeafIndex, LEAF, 1)
  waiter().failed(new Error('refused'))
  assert.deepEqual(seen, [])
  await Promise.resolve()
  assert.deepEqual(seen, ['1 durable', 'failed'])
})

for (const { when, settle } of [
  { when: 'is durable', settle: (one: ExchangeWaiter, at: LeafIndex) => one.written(at, LEAF, 1) },
  {
    when: 'is promised',
    settle: (one: ExchangeWaiter, at: LeafIndex) => one.promised(at, LEAF, 1),
  },
]) {
  test(`a caller that throws when its record ${when} keeps no other from being told`, async () => {
    const { waiter, seen } = started()
    for (const index of [1, BROKEN, 2]) settle(waiter(), index as LeafIndex)
    await turnEnd()
    const told = seen.map((line) => line.replace(/ (durable|promised)$/, ''))
    assert.deepEqual(told, ['1', String(BROKEN), 'Error: caller is broken', '2'])
  })
}

test('what was told as promised and is lost later is told once', async () => {
  const { waiter, seen } = started()
  const one = waiter()
  one.promised(1 as LeafIndex, LEAF, 1)
  await turnEnd()
  one.failed(new Error('life is over'))
  await turnEnd()
  assert.deepEqual(seen, ['1 promised'])
})
