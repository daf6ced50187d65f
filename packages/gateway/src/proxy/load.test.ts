import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { DEFAULT_LIMITS, type Limits } from '../limits/index.ts'
import { SimulatedClock, systemClock } from '../platform/index.ts'
import { Load, type Overload } from './load.ts'

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
  load.end()
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
    load.end()
  })
}

test('what there is too much of is looked at until there is not, also while nothing goes on', async () => {
  const { clock, found, load } = loadOf()
  load.begin()
  found.ledgerLagMs = 5000
  await clock.advance(100)
  load.end()
  await clock.advance(1000)
  assert.equal(load.overload, 'ledger')
  found.ledgerLagMs = 0
  await clock.advance(100)
  assert.equal(load.overload, undefined)
})

test('a loop that is late is too much, and then it is not', async () => {
  const clock = systemClock()
  const limits = { ...DEFAULT_LIMITS, loopLagMs: 100 }
  const pressures = { ledgerLagMs: () => 0, heapPercent: () => 0 }
  const load = new Load({ clock, limits: () => limits, pressures })
  load.begin()
  const untilMs = clock.ticksMs() + 300
  // Nothing but this runs meanwhile.
  while (clock.ticksMs() < untilMs);
  const seen = new Set<Overload | undefined>()
  while (!(seen.has('loop') && load.overload === undefined)) {
    await sleep(1)
    seen.add(load.overload)
  }
  load.end()
})
