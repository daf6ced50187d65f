import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SimulatedClock } from '../platform/index.ts'
import { RecordClock } from './record-clock.ts'

const DAY_US = 86_400_000_000

function started(): { readonly wall: SimulatedClock; readonly clock: RecordClock } {
  const wall = new SimulatedClock({ startUs: 1_700_000_000_000_000 })
  const clock = new RecordClock({ clock: wall })
  clock.told(clock.next())
  return { wall, clock }
}

test('a leap is told of by every record until one that tells of it is durable', () => {
  const { wall, clock } = started()
  wall.jump(DAY_US)
  const first = clock.next()
  assert.deepEqual([first.clock, clock.next().clock], ['ahead', 'ahead'])
  clock.told(first)
  assert.equal(clock.next().clock, undefined)
})

test('a record that tells of one leap does not tell of the next', () => {
  const { wall, clock } = started()
  wall.jump(DAY_US)
  const first = clock.next()
  wall.jump(DAY_US)
  // The one that tells of the second leap is refused.
  assert.equal(clock.next().clock, 'ahead')
  clock.told(first)
  const third = clock.next()
  assert.equal(third.clock, 'ahead')
  clock.told(third)
  assert.equal(clock.next().clock, undefined)
})
