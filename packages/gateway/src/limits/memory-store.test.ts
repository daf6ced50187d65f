import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemoryStore } from './memory-store.ts'
import type { Ask, StoreAnswer } from './store.ts'
import { ask, makeQuota } from './testing.ts'

const SECOND_US = 1_000_000

function open(keysMax?: number) {
  const time = { us: 1_795_000_000_000_000 }
  const store = new MemoryStore({ nowUs: () => time.us, ...(keysMax ? { keysMax } : {}) })
  const take = (...asks: Ask[]): StoreAnswer => {
    const answer = store.take(asks)
    assert.ok(!(answer instanceof Promise), 'without a file nothing waits')
    return answer
  }
  return { time, take }
}

test('each key has its own', () => {
  const { take } = open()
  const quota = makeQuota({ limit: 2, window: '60s' })
  const admitted = ['a', 'a', 'a', 'b'].map((key) => take(ask(quota, key)).isAdmitted)
  assert.deepEqual(admitted, [true, true, false, true])
})

test('all or nothing: what one limit refuses uses none of the others', () => {
  const { take, time } = open()
  const wide = makeQuota({ limit: 10, window: '60s', concurrency: 5 }, 'wide')
  const narrow = makeQuota({ limit: 1, window: '60s' }, 'narrow')
  assert.equal(take(ask(wide), ask(narrow)).isAdmitted, true)
  for (let at = 0; at < 20; at += 1) {
    const { isAdmitted, standings } = take(ask(wide), ask(narrow))
    assert.equal(isAdmitted, false)
    assert.deepEqual([standings[0]?.used, standings[0]?.concurrent], [1, 1])
    assert.deepEqual([standings[0]?.waitUs, standings[1]?.waitUs], [0, 60 * SECOND_US])
  }
  time.us += 60 * SECOND_US
  assert.equal(take(ask(wide), ask(narrow)).isAdmitted, true)
})

test('what goes on is released once, however often it is said', () => {
  const { take } = open()
  const quota = makeQuota({ concurrency: 2 })
  const [first, second] = [take(ask(quota)), take(ask(quota))]
  assert.equal(take(ask(quota)).isAdmitted, false)
  first.release()
  first.release()
  assert.equal(take(ask(quota)).isAdmitted, true)
  assert.equal(take(ask(quota)).isAdmitted, false)
  second.release()
  assert.equal(take(ask(quota)).isAdmitted, true)
})

test('costs: dear requests take more, free ones nothing and always pass', () => {
  const { take } = open()
  const quota = makeQuota({ limit: 10, window: '60s' })
  assert.deepEqual(
    [7, 4, 3, 0, 1].map((cost) => take(ask(quota, 'k', cost)).isAdmitted),
    [true, false, true, true, false],
  )
})

test('new keys of a full table share one account, until others are free again', () => {
  const { take, time } = open(3)
  const quota = makeQuota({ limit: 1, window: '60s' })
  const admitted = ['a', 'b', 'c', 'd', 'e', 'a'].map((key) => take(ask(quota, key)).isAdmitted)
  assert.deepEqual(admitted, [true, true, true, true, false, false])
  time.us += 61 * SECOND_US
  assert.equal(take(ask(quota, 'f')).isAdmitted, true)
  assert.equal(take(ask(quota, 'g')).isAdmitted, true)
})

test('a quota that is configured anew keeps what was used, and counts by what is in force', () => {
  const { take } = open()
  const before = makeQuota({ limit: 100, window: '60s', concurrency: 50 })
  for (let at = 0; at < 40; at += 1) take(ask(before))
  const after = makeQuota({ limit: 50, window: '1h', durable: false, concurrency: 50 })
  const admitted = Array.from({ length: 20 }, () => take(ask(after)).isAdmitted)
  assert.equal(admitted.filter(Boolean).length, 10)
})
