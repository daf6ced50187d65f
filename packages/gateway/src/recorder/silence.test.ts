import assert from 'node:assert/strict'
import { test } from 'node:test'
import { leafIndex } from '@countersign/tlog'
import type { RecordWaiter } from './record-writer.ts'
import { Silence } from './silence.ts'

const HEARTBEAT_MS = 1000

test('a gap that is refused explains nothing from that moment on', async () => {
  const silence = new Silence({ heartbeatMs: HEARTBEAT_MS })
  const waiters: RecordWaiter[] = []
  const writer = {
    begin: (_: unknown, waiter: RecordWaiter): void => void waiters.push(waiter),
  }
  silence.broken({ atUs: 0, ticksMs: 0 })
  const now = { atUs: 100_000_000, ticksMs: 100_000 }
  assert.equal(silence.isDue(now.ticksMs), true)
  const told = silence.explain(writer, now)
  assert.equal(silence.isDue(now.ticksMs), false, 'it is under way')
  waiters[0]?.failed(new Error('the disk is full'))
  // What was refused beside it is tried again in a microtask: not after the silence, then.
  assert.equal(silence.isDue(now.ticksMs), true)
  await assert.rejects(told, /the disk is full/)
})

test('a gap that is durable breaks the silence at once', async () => {
  const silence = new Silence({ heartbeatMs: HEARTBEAT_MS })
  const waiters: RecordWaiter[] = []
  const writer = {
    begin: (_: unknown, waiter: RecordWaiter): void => void waiters.push(waiter),
  }
  silence.broken({ atUs: 0, ticksMs: 0 })
  silence.missed({ requests: 1 })
  const now = { atUs: 100_000_000, ticksMs: 100_000 }
  const told = silence.explain(writer, now)
  waiters[0]?.written(leafIndex(7), '', 1)
  assert.deepEqual([silence.isDue(now.ticksMs), silence.owed], [false, false])
  await told
})

test('a gap that is no record counts as refused', async () => {
  const silence = new Silence({ heartbeatMs: HEARTBEAT_MS })
  silence.broken({ atUs: 0, ticksMs: 0 })
  const writer = {
    begin: (): void => {
      throw new Error('no room')
    },
  }
  const told = silence.explain(writer, { atUs: 100_000_000, ticksMs: 100_000 })
  assert.equal(silence.isDue(100_000), true)
  await assert.rejects(told, /no room/)
})
