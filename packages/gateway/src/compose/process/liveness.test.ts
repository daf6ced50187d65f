import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SimulatedClock } from '../../platform/index.ts'
import { giveSignsOfLife } from './liveness.ts'

test('signs of life come in time, and only while the ledger makes progress', async () => {
  const clock = new SimulatedClock()
  let [signs, stalledMs] = [0, 0]
  const tell = (): void => {
    signs += 1
  }
  const life = giveSignsOfLife({ clock, watchdogMs: 900, stalledMs: () => stalledMs, tell })
  await clock.advance(900)
  assert.equal(signs, 4)
  stalledMs = 899
  await clock.advance(300)
  assert.equal(signs, 5, 'late is not dead')
  stalledMs = 900
  await clock.advance(3000)
  assert.equal(signs, 5)
  stalledMs = 0
  await clock.advance(300)
  assert.equal(signs, 6, 'it goes on again')
  life.stop()
  await clock.advance(3000)
  assert.equal(signs, 6)
})
