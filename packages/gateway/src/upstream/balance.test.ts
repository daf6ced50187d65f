import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Balancing, leastBusy, nextInTurn } from './balance.ts'
import { Endpoint } from './endpoint.ts'
import { RetryBudget } from './retry-budget.ts'
import type { TargetPlace } from './target-url.ts'
import type { UpstreamClient } from './types.ts'

const BALANCING: Balancing = { balance: 'round-robin', connectionsMax: 2, slowStartMs: 0 }
const place: TargetPlace = {
  scheme: 'http',
  host: 'a',
  isAddress: false,
  port: 80,
  authority: 'a',
}
const client: UpstreamClient = {
  call: () => assert.fail('nothing is called'),
  close: async () => undefined,
  destroy: async () => undefined,
}

function endpoints(...weights: readonly number[]): readonly Endpoint[] {
  return weights.map((weight, at) => {
    return new Endpoint({ place, host: `10.0.0.${at}`, weight, client, readySinceMs: 0 })
  })
}

function turns(among: readonly Endpoint[], count: number): string {
  const names: number[] = []
  for (let at = 0; at < count; at += 1) {
    const next = nextInTurn(among, BALANCING, 0, [])
    names.push(next === undefined ? -1 : among.indexOf(next))
  }
  return names.join('')
}

describe('round robin', () => {
  test('is one after the other', () => assert.equal(turns(endpoints(1, 1, 1), 6), '012012'))

  test('keeps to the weights, and apart', () => {
    assert.equal(turns(endpoints(5, 1, 1), 7), '0010200')
  })

  test('passes over who has no connection left, and says when nobody has', () => {
    const [a, b] = endpoints(1, 1)
    assert.ok(a !== undefined && b !== undefined)
    a.active = 2
    assert.equal(turns([a, b], 3), '111')
    b.active = 2
    assert.equal(turns([a, b], 1), '-1')
  })

  test('passes over who was tried', () => {
    const [a, b] = endpoints(1, 1)
    assert.ok(a !== undefined && b !== undefined)
    assert.equal(nextInTurn([a, b], BALANCING, 0, [a]), b)
    assert.equal(nextInTurn([a, b], BALANCING, 0, [a, b]), undefined)
  })

  test('gives a target that is new a growing share', () => {
    const among = endpoints(10, 10)
    const [old, fresh] = among
    assert.ok(old !== undefined && fresh !== undefined)
    old.readySinceMs = -1000
    const slow = { ...BALANCING, slowStartMs: 1000 }
    const share = (nowMs: number): number => {
      let count = 0
      for (let at = 0; at < 1100; at += 1) {
        if (nextInTurn(among, slow, nowMs, []) === fresh) count += 1
      }
      return count
    }
    assert.ok(Math.abs(share(0) - 100) < 20, 'a tenth of its weight at first')
    assert.ok(Math.abs(share(500) - 366) < 20)
    assert.ok(Math.abs(share(1000) - 550) < 20)
  })
})

describe('least requests', () => {
  test('prefers who has the fewest for its weight', () => {
    const [a, b] = endpoints(1, 2)
    assert.ok(a !== undefined && b !== undefined)
    assert.equal(leastBusy([a, b], BALANCING, 0, []), b)
    b.active = 1
    a.requests = 1
    assert.equal(leastBusy([a, b], BALANCING, 0, []), b, 'of equals, who had fewer')
    a.active = 0
    b.active = 2
    assert.equal(leastBusy([a, b], BALANCING, 0, []), a)
    a.active = 2
    assert.equal(leastBusy([a, b], BALANCING, 0, []), undefined)
  })
})

describe('the budget of retries', () => {
  test('is a reserve, and then a share of the requests', () => {
    const budget = new RetryBudget(20)
    const taken = (): number => {
      let count = 0
      while (budget.take()) count += 1
      return count
    }
    assert.equal(taken(), 10)
    for (let at = 0; at < 50; at += 1) budget.deposit()
    assert.equal(taken(), 10)
    for (let at = 0; at < 10_000; at += 1) budget.deposit()
    assert.equal(taken(), 100, 'quiet hours save up no storm')
  })

  test('of nothing is nothing', () => assert.equal(new RetryBudget(0).take(), false))
})
