import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededRandom } from '../platform/index.ts'
import { LimitsError } from './limits-error.ts'
import { RedisStore } from './redis-store.ts'
import { ask, makeQuota } from './testing.ts'

const MINUTE_US = 60_000_000

test('what a store counts that answered too late is given back', async () => {
  const sent: string[] = []
  const removed: string[] = []
  const runner = {
    run: async (_: string, keys: readonly string[], [lease = '']: readonly string[]) => {
      sent.push(...keys.slice(1, 2), lease)
      throw new Error('timeout')
    },
    remove: async (key: string, lease: string) => void removed.push(key, lease),
    close: async () => undefined,
  }
  const store = new RedisStore({ runner, random: new SeededRandom(1), prefix: 'p' })
  const rate = makeQuota({ limit: 5, window: '60s' })
  const asks = [ask(makeQuota({ concurrency: 2 })), ask(rate)]
  await assert.rejects(store.take(asks, MINUTE_US), LimitsError)
  assert.equal(removed.length, 2)
  assert.deepEqual(removed, sent)
})

test('a lease that cannot be given back or kept is told, though nobody waits for it', async () => {
  const told: unknown[] = []
  const away = new Error('gone')
  let isAway = false
  const runner = {
    run: async () => {
      if (isAway) throw away
      return [1, 0, 0, 0, 1, 0]
    },
    remove: async () => {
      throw away
    },
    close: async () => undefined,
  }
  const onFault = (fault: unknown): void => void told.push(fault)
  const store = new RedisStore({ runner, random: new SeededRandom(1), prefix: 'p', onFault })
  const answer = await store.take([ask(makeQuota({ concurrency: 2 }))], MINUTE_US)
  isAway = true
  answer.renew()
  answer.release()
  await Promise.resolve()
  await Promise.resolve()
  assert.deepEqual(told, [away, away])
})
