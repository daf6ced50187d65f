import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LimitsError } from './limits-error.ts'
import { MemoryStore } from './memory-store.ts'
import type { Caller } from './quota.ts'
import { quotaStoreSchema, quotasSchema } from './quota-config.ts'
import { limitFacts, limitText, Quotas, type QuotaVerdict } from './quotas.ts'
import { rateLimitLines } from './rate-limit-lines.ts'
import { CALLER, makeQuota, makeQuotas } from './testing.ts'

const NOBODY = { ...CALLER.principal, kind: 'anonymous' }

for (const [key, caller, want] of [
  ['principal', CALLER, 'p:["keys","ada"]'],
  ['principal', { ...CALLER, principal: NOBODY }, 'a:192.0.2.0/24'],
  ['api-key', CALLER, 'k:key1'],
  ['api-key', { ...CALLER, keyPrefix: undefined }, 'p:["keys","ada"]'],
  ['address', CALLER, '192.0.2.7'],
  ['address-prefix', CALLER, '192.0.2.0/24'],
  ['address-prefix', { ...CALLER, address: '2001:db8:1:2::3' }, '2001:db8:1::/48'],
  ['address-prefix', { ...CALLER, address: '::ffff:192.0.2.7' }, '192.0.2.0/24'],
  ['address-prefix', { ...CALLER, address: 'unknown' }, 'unknown'],
  ['route', CALLER, 'orders'],
  ['claim:tenant', CALLER, 'p:["keys","ada"]'],
  ['claim:tenant', withTenants('b', 'a'), 'c:["keys","a","b"]'],
] as const) {
  test(`${key} of ${JSON.stringify(caller.principal.kind)} at ${caller.address}: ${want}`, () => {
    assert.equal(makeQuota({ key, concurrency: 1 }).keyOf(caller), want)
  })
}

function withTenants(...tenant: string[]): Caller {
  return { ...CALLER, principal: { ...CALLER.principal, claims: { tenant } } }
}

test('a principal is called by its own name, whatever it was copied from', () => {
  const quota = makeQuota({ key: 'principal', concurrency: 1 })
  const nameOf = (principal: Caller['principal']) => quota.keyOf({ ...CALLER, principal })
  const ada = { ...CALLER.principal }
  for (let time = 0; time < 2; time += 1) assert.equal(nameOf(ada), 'p:["keys","ada"]')
  assert.equal(nameOf({ ...ada, id: 'bob' }), 'p:["keys","bob"]')
  const frozen = Object.freeze({ ...ada, id: 'eve' })
  for (let time = 0; time < 2; time += 1) assert.equal(nameOf(frozen), 'p:["keys","eve"]')
  assert.deepEqual(ada, CALLER.principal)
  assert.equal(JSON.stringify(ada), JSON.stringify(CALLER.principal))
})

test('prefix lengths are settings', () => {
  const config = { key: 'address-prefix', concurrency: 1, ipv4Bits: 20, ipv6Bits: 61 }
  const quota = makeQuota(config)
  assert.equal(quota.keyOf({ ...CALLER, address: '192.0.255.7' }), '192.0.240.0/20')
  const address = '2001:db8:0:ffff::3'
  assert.equal(quota.keyOf({ ...CALLER, address }), '2001:db8:0:fff8::/61')
})

test('the most specific cost counts', () => {
  const cost = { default: 2, POST: 5, reports: 7, 'POST reports': 9, OPTIONS: 0 }
  const quota = makeQuota({ limit: 10, window: '1m', cost })
  const costOf = (method: string, route: string): number =>
    quota.costOf({ ...CALLER, method, route })
  assert.deepEqual(
    [costOf('GET', 'orders'), costOf('POST', 'orders'), costOf('GET', 'reports')],
    [2, 5, 7],
  )
  assert.deepEqual([costOf('POST', 'reports'), costOf('OPTIONS', 'orders')], [9, 0])
})

for (const [name, config, ok] of [
  ['a rate', { key: 'route', limit: 5, window: '31d' }, true],
  ['a concurrency alone', { key: 'route', concurrency: 5 }, true],
  ['a claim', { key: 'claim:tenant', concurrency: 5 }, true],
  ['nothing to limit', { key: 'route' }, false],
  ['a limit without a window', { key: 'route', limit: 5 }, false],
  ['a window beyond a month', { key: 'route', limit: 5, window: '32d' }, false],
  ['a window in months', { key: 'route', limit: 5, window: '1mo' }, false],
  ['a cost that never fits', { key: 'route', limit: 5, window: '1s', cost: { POST: 6 } }, false],
  ['a long burst', { key: 'route', limit: 1, window: '31d', burst: 1000 }, true],
  ['a burst for ever', { key: 'route', limit: 1, window: '31d', burst: 1_000_000 }, false],
  ['a claim without a name', { key: 'claim:', concurrency: 5 }, false],
  ['a prefix of everything', { key: 'route', concurrency: 5, ipv4Bits: 0 }, false],
] as const) {
  test(`configuration: ${name}: ${ok ? 'taken' : 'refused'}`, () => {
    assert.equal(quotasSchema.safeParse({ q: config }).success, ok)
  })
}

test('a password in the address of the store is refused', () => {
  const parse = (url: string): boolean => quotaStoreSchema.safeParse({ kind: 'redis', url }).success
  assert.equal(parse('redis://127.0.0.1:6379/1'), true)
  assert.equal(parse('redis://:secret@127.0.0.1'), false)
  assert.equal(parse('http://127.0.0.1'), false)
})

function open() {
  const time = { us: 1_795_000_000_000_000 }
  return { time, store: new MemoryStore({ nowUs: () => time.us }) }
}

async function ask(quotas: Quotas, ...names: string[]): Promise<QuotaVerdict> {
  const named = names.flatMap((name) => quotas.named(name) ?? [])
  return quotas.take(named, CALLER)
}

test('fields and facts of an admitted and of a refused request', async () => {
  const quotas = makeQuotas(
    {
      each: { key: 'principal', limit: 100, window: '1m', burst: 2 },
      all: { key: 'route', concurrency: 3 },
      both: { key: 'address', limit: 10, window: '1m', concurrency: 4 },
    },
    open().store,
  )
  const admitted = await ask(quotas, 'each', 'all', 'both')
  assert.deepEqual(rateLimitLines(admitted).split('\r\n'), [
    'ratelimit-policy: "each";q=100;w=60, "all";q=3;qu="concurrent-requests", ' +
      '"both";q=10;w=60, "both.concurrent";q=4;qu="concurrent-requests"',
    'ratelimit: "each";r=1;t=1, "all";r=2, "both";r=9;t=6, "both.concurrent";r=3',
    '',
  ])
  assert.deepEqual(limitFacts(admitted), [
    { name: 'each', limit: 2, used: 1 },
    { name: 'all', limit: 3, used: 1 },
    { name: 'both', limit: 10, used: 1 },
    { name: 'both.concurrent', limit: 4, used: 1 },
  ])
  assert.equal(limitText(admitted), JSON.stringify(limitFacts(admitted)))
  await ask(quotas, 'each')
  const refused = await ask(quotas, 'each', 'all')
  assert.equal(refused.refusal, 'rate-limited')
  assert.deepEqual(rateLimitLines(refused).split('\r\n').slice(1), [
    'ratelimit: "each";r=0;t=2, "all";r=2',
    'retry-after: 1',
    '',
  ])
  const unavailable = { ...refused, standings: [] }
  assert.equal(rateLimitLines(unavailable), 'retry-after: 1\r\n')
  assert.equal(limitText(unavailable), '[]')
})

test('the reason is that of the quota that takes longest', async () => {
  const quotas = makeQuotas(
    {
      fast: { key: 'principal', limit: 1, window: '1m' },
      month: { key: 'principal', limit: 1, window: '31d' },
      few: { key: 'principal', concurrency: 1 },
    },
    open().store,
  )
  await ask(quotas, 'fast', 'month', 'few')
  const reasonOf = async (...names: string[]) => (await ask(quotas, ...names)).refusal
  assert.equal(await reasonOf('fast', 'month', 'few'), 'quota-exhausted')
  assert.equal((await ask(quotas, 'month')).retryAfterSeconds, 31 * 86_400)
  assert.equal(await reasonOf('fast', 'few'), 'rate-limited')
  assert.equal(await reasonOf('few'), 'concurrency-limited')
})

for (const [onUnavailable, want] of [
  ['deny', 'limits-unavailable'],
  ['allow', undefined],
] as const) {
  test(`a store that is down: ${onUnavailable}`, async () => {
    const down = new LimitsError('LIMITS_UNAVAILABLE', 'down')
    for (const take of [
      () => {
        throw down
      },
      () => Promise.reject(down),
    ]) {
      const store = { take, close: async () => undefined }
      const config = quotasSchema.parse({ q: { key: 'route', limit: 1, window: '1s' } })
      const verdict = await ask(new Quotas({ config, store, onUnavailable, exchangeMs: 1 }), 'q')
      assert.equal(verdict.refusal, want)
      assert.deepEqual(limitFacts(verdict), [])
    }
  })
}
