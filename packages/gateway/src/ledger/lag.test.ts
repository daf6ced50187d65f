import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SimulatedClock } from '../platform/index.ts'
import { Lag } from './lag.ts'
import { appendAll, Machine } from './testing.ts'

test('what waits counts from the oldest, what stays behind from when others set off', async () => {
  const clock = new SimulatedClock()
  const lag = new Lag(clock)
  assert.deepEqual(lag.facts, { unacknowledgedMs: 0, unintegratedMs: 0, unpublishedMs: 0 })
  lag.waits('unacknowledgedMs')
  await clock.advance(20)
  const setOffMs = lag.nowMs()
  lag.waits('unacknowledgedMs')
  await clock.advance(10)
  assert.equal(lag.facts.unacknowledgedMs, 30)
  lag.passed('unacknowledgedMs', setOffMs, false)
  assert.equal(lag.facts.unacknowledgedMs, 10)
  lag.passed('unacknowledgedMs', lag.nowMs(), true)
  await clock.advance(10)
  assert.equal(lag.facts.unacknowledgedMs, 0)
})

test('a ledger tells what waits for a checkpoint, and what a flush takes', async () => {
  const machine = new Machine()
  const flushes: number[] = []
  const ledger = await machine.open({ onFlush: (ms) => flushes.push(ms) })
  await appendAll(ledger, 0, 10)
  await machine.clock.advance(400)
  const { unacknowledgedMs, unintegratedMs, unpublishedMs } = ledger.lag.facts
  assert.deepEqual([unacknowledgedMs, unintegratedMs, unpublishedMs], [0, 400, 400])
  assert.ok(flushes.length > 0)
  await machine.clock.advance(2_000)
  assert.equal(ledger.published.size, 10)
  assert.deepEqual(ledger.lag.facts, { unacknowledgedMs: 0, unintegratedMs: 0, unpublishedMs: 0 })
  await ledger.close()
})
