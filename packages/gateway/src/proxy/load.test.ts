import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { DEFAULT_LIMITS, type Limits } from '../limits/index.ts'
import { type Clock, SimulatedClock, systemClock } from '../platform/index.ts'
import { Load, type Overload } from './load.ts'

const NO_PRESSURE = { ledgerLagMs: () => 0, heapPercent: () => 0 }

function loadOf(limits: Partial<Limits> = {}) {
  const clock = new SimulatedClock()
  const found = { ledgerLagMs: 0, heapPercent: 0 }
  const load = new Load({
    clock,
    limits: () => ({ ...DEFAULT_LIMITS, ...limits }),
    pressures: { ledgerLagMs: () => found.ledgerLagMs, heapPercent: () => found.heapPercent },
  })
  return { clock, found, load }
}

test('exchanges beyond their limit are too many, and the next one is not', () => {
  const { load } = loadOf({ exchangesMax: 2 })
  const seen: (Overload | undefined)[] = []
  for (let begun = 0; begun < 3; begun += 1) {
    load.begin()
    seen.push(load.overload)
  }
  load.end('short')
  seen.push(load.overload)
  assert.deepEqual(seen, [undefined, undefined, 'exchanges', undefined])
})

for (const [name, pressure, over, still, under] of [
  ['ledger', 'ledgerLagMs', 2001, 1001, 1000],
  ['heap', 'heapPercent', 91, 86, 85],
] as const) {
  test(`${name}: too much from its limit on, until it is well below`, async () => {
    const { clock, found, load } = loadOf()
    load.begin()
    const at = async (value: number): Promise<Overload | undefined> => {
      found[pressure] = value
      await clock.advance(400)
      return load.overload
    }
    assert.deepEqual(
      [await at(over - 1), await at(over), await at(still), await at(under), await at(still)],
      [undefined, name, name, undefined, undefined],
    )
    load.end('short')
  })
}

test('what there is too much of is looked at while nothing goes on, too', async () => {
  const { clock, found, load } = loadOf()
  load.begin()
  found.ledgerLagMs = 5000
  await clock.advance(100)
  load.end('short')
  await clock.advance(1000)
  assert.equal(load.overload, 'ledger')
  found.ledgerLagMs = 0
  await clock.advance(100)
  assert.equal(load.overload, undefined)
})

test('many at once are let in when as many were served in time', async () => {
  const { clock, load } = loadOf({ exchangesBurstMax: 10 })
  for (let begun = 0; begun < 11; begun += 1) load.begin()
  assert.equal(load.overload, 'loop')
  await clock.advance(40)
  assert.equal(load.overload, undefined)
})

test('what stays open takes nobody the place that the loop has for what is short', async () => {
  const { clock, load } = loadOf({ exchangesMax: 20, exchangesBurstMax: 4 })
  for (let begun = 0; begun < 15; begun += 1) {
    load.begin()
    load.settle()
  }
  await clock.advance(100)
  for (let begun = 0; begun < 4; begun += 1) load.begin()
  assert.equal(load.overload, undefined)
  load.begin()
  assert.equal(load.overload, 'loop')
  load.begin()
  assert.equal(load.overload, 'exchanges', 'and yet they go on, all of them')
  for (let left = 0; left < 5; left += 1) load.end('long')
  assert.equal(load.overload, 'loop')
  load.end('short')
  load.end('short')
  assert.equal(load.overload, undefined)
})

test('refusals beyond a rate wait for their turn, in order', async () => {
  const { clock, load } = loadOf({ exchangesMax: 1, shedPerSecondMax: 100 })
  for (let begun = 0; begun < 13; begun += 1) load.begin()
  await clock.advance(100)
  const told: number[] = []
  for (let index = 0; index < 13; index += 1) {
    const turn = load.refuse()
    if (turn === undefined) told.push(index)
    else void turn.then(() => told.push(index))
  }
  assert.deepEqual(told, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  assert.equal(load.overload, undefined, 'who is refused takes nobody their place')
  await clock.advance(20)
  assert.equal(told.length, 12)
  await clock.advance(20)
  assert.deepEqual(told.slice(10), [10, 11, 12])
})

/** Nothing but this runs meanwhile. */
function holdUp(clock: Clock): void {
  const untilMs = clock.ticksMs() + 40
  while (clock.ticksMs() < untilMs);
}

test('a loop that goes on being late is too much, until it is in time', async () => {
  const clock = systemClock()
  const limits = { ...DEFAULT_LIMITS, loopLagMs: 10, exchangesMin: 4, exchangesBurstMax: 100 }
  const load = new Load({ clock, limits: () => limits, pressures: NO_PRESSURE })
  for (let begun = 0; begun < 8; begun += 1) load.begin()
  for (let turn = 0; load.overload === undefined; turn += 1) {
    assert.ok(turn < 20)
    const fromMs = clock.ticksMs()
    holdUp(clock)
    await sleep(1)
    // Unless the machine holds it up as well.
    const isOnce = turn === 0 && clock.ticksMs() - fromMs < 50
    if (isOnce) assert.equal(load.overload, undefined, 'once is nothing')
  }
  while (load.overload !== undefined) await sleep(1)
  for (let left = 8; left > 4; left -= 1) load.end('short')
  for (let turn = 0; turn < 5; turn += 1) {
    holdUp(clock)
    await sleep(1)
    assert.equal(load.overload, undefined, 'so few are always let in')
  }
})

test('a late loop with idle streams lets in as many short ones as without', async () => {
  const clock = systemClock()
  const limits = { ...DEFAULT_LIMITS, loopLagMs: 10, exchangesMin: 4, exchangesBurstMax: 100 }
  const load = new Load({ clock, limits: () => limits, pressures: NO_PRESSURE })
  for (let begun = 0; begun < 200; begun += 1) {
    load.begin()
    load.settle()
  }
  for (let begun = 0; begun < 4; begun += 1) load.begin()
  for (let turn = 0; turn < 8; turn += 1) {
    holdUp(clock)
    await sleep(1)
    assert.equal(load.overload, undefined)
  }
  load.begin()
  assert.equal(load.overload, 'loop')
  for (let left = 0; left < 200; left += 1) load.end('long')
  for (let left = 0; left < 5; left += 1) load.end('short')
})
