import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SimulatedClock } from '../../platform/index.ts'
import { OwnLines } from './answer-head.ts'

const START_US = Date.UTC(2026, 10, 22, 10, 0, 0) * 1000

test('the date is the second that it is, whenever it is asked for', () => {
  const clock = new SimulatedClock({ startUs: START_US + 250_500 })
  const own = new OwnLines(clock)
  for (const [passedMs, want] of [
    [0, '10:00:00'],
    [749, '10:00:00'],
    [0.5, '10:00:01'],
    [999, '10:00:01'],
    [1, '10:00:02'],
    [3_600_000, '11:00:02'],
  ] as const) {
    clock.freeze(passedMs)
    assert.equal(own.date, `date: Sun, 22 Nov 2026 ${want} GMT\r\n`, `${clock.ticksMs()} ms`)
  }
})

test('a clock that is set back is followed within a second', () => {
  const clock = new SimulatedClock({ startUs: START_US })
  const own = new OwnLines(clock)
  assert.match(own.date, /10:00:00/)
  clock.jump(-60_000_000)
  clock.freeze(1000)
  assert.match(own.date, /09:59:01/)
})
