// Quotas through the real proxy: exact admission, what callers are told, what the record says.
import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { LimitsError, MemoryStore, quotaTime } from '../../packages/gateway/src/limits/index.ts'
import { systemClock } from '../../packages/gateway/src/platform/index.ts'
import { waitFor } from '../demo-process.ts'
import { type GatewayOptions, startGateway, type TestGateway } from './gateway.ts'
import { Load } from './load.ts'
import { startUpstream, type UpstreamProcess } from './upstream.ts'

let upstream: UpstreamProcess

before(async () => {
  upstream = await startUpstream()
})
after(() => upstream.close())

async function open(
  quotas: Readonly<Record<string, object>>,
  more: Partial<GatewayOptions> = {},
): Promise<TestGateway> {
  const route = { name: 'all', path: '/', upstream: 'upstream', quotas: Object.keys(quotas) }
  return startGateway({
    upstream: upstream.url,
    routes: [route],
    quotas,
    quotaStore: new MemoryStore({ nowUs: quotaTime(systemClock()) }),
    ...more,
  })
}

test('four loads at once: what is admitted is exact, and no more goes upstream', async (t) => {
  const limits = { refusalsPerSecondMax: 50, refusalsWholeMax: 10 }
  const gateway = await open({ each: { key: 'principal', limit: 137, window: '1d' } }, { limits })
  t.after(gateway.close)
  const reached = (await upstream.received()).count
  const loads = Array.from({ length: 4 }, () => new Load(gateway.port, gateway.keys.ada))
  const counts = await Promise.all(loads.map((load) => load.run(100, 4, '/bytes/1')))
  for (const load of loads) load.close()
  const sum = (status: number): number =>
    counts.reduce((total, each) => total + (each.get(status) ?? 0), 0)
  assert.deepEqual([sum(200), sum(429)], [137, 263])
  assert.equal((await upstream.received()).count - reached, 137)

  await gateway.close()
  const records = await gateway.exchanges()
  const intents = records.filter(({ kind }) => kind === 'intent')
  assert.deepEqual(
    intents.map(({ why }) => why.limits?.[0]?.used).toSorted((a = 0, b = 0) => a - b),
    Array.from({ length: 137 }, (_, at) => at + 1),
    'each admitted request took one',
  )
  const whole = records.filter(({ kind }) => kind === 'refusal')
  const folds = records.filter(({ kind, what }) => kind === 'fold' && what.act === 'close')
  const folded = folds.reduce((total, { what }) => total + (what.count ?? 0), 0)
  assert.deepEqual(gateway.events, [])
  assert.equal(whole.length + folded, 263, 'every refusal is on record or counted')
  assert.equal(whole[0]?.why.reason, 'quota-exhausted')
  assert.deepEqual(whole[0]?.why.limits, [{ name: 'each', limit: 137, used: 137 }])
})

test('one caller over the limit does not touch another', async (t) => {
  const gateway = await open(
    { each: { key: 'principal', limit: 2, window: '1m' } },
    { policies: '@id("all") permit (principal, action, resource);' },
  )
  t.after(gateway.close)
  const [ada, ben] = [gateway.keys.ada, gateway.keys.ben].map(
    (token) => new Load(gateway.port, token),
  )
  assert.deepEqual(
    await ada?.run(5, 1, '/bytes/1'),
    new Map([200, 429].map((s, at) => [s, 2 + at])),
  )
  assert.deepEqual(await ben?.run(2, 1, '/bytes/1'), new Map([[200, 2]]))
  ada?.close()
  ben?.close()
})

test('callers are told: RateLimit, RateLimit-Policy, Retry-After, and the reason', async (t) => {
  const quotas = {
    each: { key: 'api-key', limit: 3, window: '1m', cost: { POST: 2 } },
    going: { key: 'route', concurrency: 9 },
  }
  // Time stands still: what is told of it is told to the second.
  const quotaStore = new MemoryStore({ nowUs: () => 1_795_000_000_000_000 })
  const gateway = await open(quotas, { quotaStore })
  t.after(gateway.close)
  const load = new Load(gateway.port, gateway.keys.ada)
  t.after(() => load.close())
  const first = await load.ask('/echo', 'POST')
  assert.equal(first.status, 200)
  assert.equal(
    first.headers['ratelimit-policy'],
    '"each";q=3;w=60, "going";q=9;qu="concurrent-requests"',
  )
  assert.equal(first.headers.ratelimit, '"each";r=1;t=40, "going";r=8')
  assert.equal(first.headers['retry-after'], undefined)
  const refused = await load.ask('/echo', 'POST')
  assert.equal(refused.status, 429)
  assert.match(String(refused.headers.ratelimit), /^"each";r=1;t=40, "going";r=9$/)
  assert.equal(refused.headers['retry-after'], '20')
  assert.match(String(refused.headers['countersign-receipt']), /index=/)
  assert.equal(JSON.parse(refused.body).reason, 'rate-limited')
  assert.equal((await load.ask('/echo')).status, 200, 'a cheaper request still fits')
})

test('a concurrency limit is given back once, however an exchange ends', async (t) => {
  const gateway = await open({ few: { key: 'route', concurrency: 2 } })
  t.after(gateway.close)
  const load = new Load(gateway.port, gateway.keys.ada)
  t.after(() => load.close())
  const head = (path: string): string =>
    `GET ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${gateway.keys.ada}\r\n\r\n`
  const goesOn = async (): Promise<number> => {
    const { headers } = await load.ask('/bytes/1')
    return 2 - Number(/r=(\d)/.exec(String(headers.ratelimit))?.[1])
  }
  for (const [how, end] of [
    ['the client leaves', (path: string) => leave(gateway.port, head(path))],
    ['it is answered', () => load.ask('/echo')],
    ['the upstream breaks off', () => load.ask('/break/10/20').catch(() => undefined)],
    ['a policy refuses', () => load.ask('/echo', 'DELETE')],
  ] as const) {
    for (let times = 0; times < 3; times += 1) await end('/hang')
    // Only the one that asks goes on.
    await waitFor(
      async () => (await goesOn()) === 1,
      undefined,
      () => how,
    )
  }
  const held = [connect(gateway.port, '127.0.0.1'), connect(gateway.port, '127.0.0.1')]
  const reached = (await upstream.received()).count
  for (const socket of held) socket.on('error', () => undefined).write(head('/hang'))
  await waitFor(async () => (await upstream.received()).count === reached + held.length)
  const refused = await load.ask('/bytes/1')
  assert.deepEqual([refused.status, refused.headers['retry-after']], [429, '1'])
  assert.equal(JSON.parse(refused.body).reason, 'concurrency-limited')
  for (const socket of held) socket.destroy()
  await waitFor(async () => (await load.ask('/bytes/1')).status === 200)
})

async function leave(port: number, text: string): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => undefined)
  socket.write(text)
  await sleep(60)
  socket.destroy()
}

test('guessing credentials is as limited as asking, good guesses and bad', async (t) => {
  const gateway = await open({
    network: { key: 'address-prefix', limit: 5, window: '1d' },
    all: { key: 'route', limit: 7, window: '1d' },
  })
  t.after(gateway.close)
  const [good, bad] = [gateway.keys.ada, `${gateway.keys.ada.slice(0, -2)}xx`].map(
    (token) => new Load(gateway.port, token),
  )
  t.after(() => good?.close())
  t.after(() => bad?.close())
  assert.deepEqual(
    await bad?.run(9, 1, '/bytes/1'),
    new Map([
      [401, 5],
      [429, 4],
    ]),
  )
  const [one, other] = [await bad?.ask('/bytes/1'), await good?.ask('/bytes/1')]
  assert.deepEqual([one?.status, other?.status], [429, 429])
  const told = (answer: typeof one): readonly string[] => Object.keys(answer?.headers ?? {}).sort()
  assert.deepEqual(told(one), told(other))
  assert.equal(one?.headers['www-authenticate'], undefined)
  assert.match(
    String(other?.headers.ratelimit),
    /"all";r=7/,
    'what all share is not used up by guesses',
  )
})

test('a store that is down: 503, recorded, and no call', async (t) => {
  const take = () => Promise.reject(new LimitsError('LIMITS_UNAVAILABLE', 'down'))
  const quotaStore = { take, close: async () => undefined }
  const gateway = await open({ each: { key: 'route', limit: 1, window: '1s' } }, { quotaStore })
  t.after(gateway.close)
  const load = new Load(gateway.port, gateway.keys.ada)
  t.after(() => load.close())
  const reached = (await upstream.received()).count
  const { status, headers } = await load.ask('/bytes/1')
  assert.deepEqual([status, headers['retry-after']], [503, '1'])
  assert.equal((await upstream.received()).count, reached)
  const [refusal] = await gateway.exchanges()
  assert.deepEqual([refusal?.kind, refusal?.why.reason], ['refusal', 'limits-unavailable'])
})
