import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SimulatedClock } from '../platform/index.ts'
import { Cut, Deadlines } from './cut.ts'
import { DeadlineWheel } from './deadline-wheel.ts'

function begin(): { clock: SimulatedClock; cut: Cut; deadlines: Deadlines } {
  const clock = new SimulatedClock()
  const cut = new Cut()
  return { clock, cut, deadlines: new Deadlines(clock, cut, new DeadlineWheel(clock)) }
}

test('a deadline that is not met cuts, for its own reason', async () => {
  const { clock, cut, deadlines } = begin()
  deadlines.set('exchange', 1000, 'exchange-timeout')
  deadlines.set('head', 100, 'upstream-timeout')
  await clock.advance(99)
  assert.equal(cut.reason, undefined)
  await clock.advance(2)
  assert.equal(cut.reason, 'upstream-timeout')
})

test('a deadline that is met, or set anew, cuts nothing; the others still stand', async () => {
  const { clock, cut, deadlines } = begin()
  deadlines.set('exchange', 1000, 'exchange-timeout')
  deadlines.set('head', 100, 'upstream-timeout')
  deadlines.meet('head')
  for (let now = 0; now < 900; now += 90) {
    deadlines.set('body', 100, 'body-timeout')
    await clock.advance(90)
  }
  deadlines.meet('body')
  assert.equal(cut.reason, undefined)
  await clock.advance(110)
  assert.equal(cut.reason, 'exchange-timeout')
})

test('the first cause counts, whoever listens is told once, and late listeners at once', () => {
  const cut = new Cut()
  const told: (string | undefined)[] = []
  cut.onMade(() => told.push(cut.reason))
  cut.make('client-aborted')
  cut.make('exchange-timeout')
  cut.onMade(() => told.push('late'))
  assert.deepEqual(told, ['client-aborted', 'late'])
})

test('after the end nothing is cut', () => {
  const cut = new Cut()
  let told = 0
  cut.onMade(() => {
    told += 1
  })
  cut.close()
  cut.make('client-aborted')
  assert.equal(told, 0)
})
