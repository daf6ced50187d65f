import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Meter, Rate } from './gcra.ts'

const SECOND_US = 1_000_000
const DAY_US = 86_400 * SECOND_US
const NOW_US = 1_795_000_000_000_000

test('a burst is exact: so many at once, and then none', () => {
  for (const [limit, windowUs, burst] of [
    [100, 60 * SECOND_US, 100],
    [7, 60 * SECOND_US, 3],
    [999_983, 31 * DAY_US, 999_983],
    [1_000_000_000, SECOND_US, 5],
    [1, 31 * DAY_US, 1],
  ] as const) {
    const rate = new Rate({ limit, windowUs, burst })
    const meter = new Meter()
    const asked = Math.min(burst, 5000)
    for (let at = 0; at < asked; at += 1) {
      assert.equal(meter.waitUs(rate, NOW_US, 1), 0, `${at} of ${burst}`)
      meter.take(rate, NOW_US, 1)
      assert.equal(meter.used(rate, NOW_US), at + 1)
    }
    if (asked === burst) assert.ok(meter.waitUs(rate, NOW_US, 1) > 0)
  }
})

test('no drift: of seven in three seconds the seventh interval ends on the microsecond', () => {
  const rate = new Rate({ limit: 7, windowUs: 3 * SECOND_US, burst: 1 })
  const meter = new Meter()
  let nowUs = NOW_US
  for (let at = 0; at < 7 * 1_000; at += 1) {
    nowUs += meter.waitUs(rate, nowUs, 1)
    assert.equal(meter.waitUs(rate, nowUs, 1), 0)
    // Waiting to the microsecond rounds up; the meter itself keeps the fraction while it is busy.
    meter.take(rate, nowUs, 1)
  }
  const busy = new Meter()
  const wide = new Rate({ limit: 7, windowUs: 3 * SECOND_US, burst: 7000 })
  for (let at = 0; at < 7000; at += 1) busy.take(wide, NOW_US, 1)
  assert.deepEqual([busy.us - NOW_US, busy.part], [3000 * SECOND_US, 0])
})

test('the wait that is told is exact: a microsecond earlier is refused', () => {
  const rates = fc.record({
    limit: fc.integer({ min: 1, max: 1_000_000 }),
    windowUs: fc.integer({ min: SECOND_US, max: 31 * DAY_US }),
    burst: fc.integer({ min: 1, max: 50 }),
    costs: fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 60 }),
  })
  fc.assert(
    fc.property(rates, ({ limit, windowUs, burst, costs }) => {
      const rate = new Rate({ limit, windowUs, burst })
      const meter = new Meter()
      const oracle = { tat: 0n }
      let nowUs = NOW_US
      for (const each of costs) {
        const cost = Math.min(each, burst)
        const waitUs = meter.waitUs(rate, nowUs, cost)
        assert.equal(mayByOracle(oracle, rate, nowUs, cost), waitUs === 0)
        if (waitUs > 0) {
          assert.ok(!mayByOracle(oracle, rate, nowUs + waitUs - 1, cost))
          nowUs += waitUs
          assert.ok(mayByOracle(oracle, rate, nowUs, cost))
        }
        meter.take(rate, nowUs, cost)
        takeByOracle(oracle, rate, nowUs, cost)
        const tat = BigInt(meter.us) * BigInt(limit) + BigInt(meter.part)
        assert.equal(tat, oracle.tat)
        nowUs += cost % 7
      }
    }),
    { numRuns: 2000 },
  )
})

/** The same with whole numbers of any size: times are in units of a microsecond / limit. */
function mayByOracle(of: { tat: bigint }, rate: Rate, nowUs: number, cost: number): boolean {
  const now = BigInt(nowUs) * BigInt(rate.limit)
  const window = BigInt(rate.windowUs)
  const base = of.tat > now ? of.tat : now
  return base + BigInt(cost) * window - BigInt(rate.burst) * window <= now
}

function takeByOracle(of: { tat: bigint }, rate: Rate, nowUs: number, cost: number): void {
  const now = BigInt(nowUs) * BigInt(rate.limit)
  of.tat = (of.tat > now ? of.tat : now) + BigInt(cost) * BigInt(rate.windowUs)
}

test('another rate takes over what was used', () => {
  const old = new Rate({ limit: 100, windowUs: 60 * SECOND_US, burst: 100 })
  const meter = new Meter()
  for (let at = 0; at < 40; at += 1) meter.take(old, NOW_US, 1)
  const next = new Rate({ limit: 10, windowUs: DAY_US, burst: 50 })
  meter.convert(old, next, NOW_US)
  assert.equal(meter.used(next, NOW_US), 40)
  for (let at = 0; at < 10; at += 1) meter.take(next, NOW_US, 1)
  assert.ok(meter.waitUs(next, NOW_US, 1) > 0)
})

test('a time beyond all that may be used is of a clock that went back', () => {
  const rate = new Rate({ limit: 10, windowUs: 60 * SECOND_US, burst: 10 })
  const meter = new Meter()
  meter.us = NOW_US + DAY_US
  meter.clamp(rate, NOW_US)
  assert.equal(meter.used(rate, NOW_US), 11)
  assert.equal(meter.waitUs(rate, NOW_US, 1), 6 * SECOND_US + 1)
})
