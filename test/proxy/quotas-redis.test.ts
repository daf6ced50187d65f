// Quotas that two gateways count together, in a real redis-server.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { openQuotas, redisRunner } from '../../packages/gateway/src/compose/open-quotas.ts'
import {
  LimitsError,
  MemoryStore,
  Quota,
  type QuotaStore,
  quotaStoreSchema,
  quotasSchema,
  RedisStore,
} from '../../packages/gateway/src/limits/index.ts'
import {
  nodeDisk,
  SeededRandom,
  systemClock,
  systemRandom,
} from '../../packages/gateway/src/platform/index.ts'
import { waitFor } from '../demo-process.ts'
import { makeAuthority } from './certificates.ts'
import { startGateway, type TestGateway } from './gateway.ts'
import { Load } from './load.ts'
import { type RedisServer, startRedis, withoutRedis } from './redis-server.ts'
import { startUpstream, type UpstreamProcess } from './upstream.ts'

const skip = withoutRedis()
const TIMEOUT_MS = 10_000
/** For a server that does not answer. */
const SHORT_MS = 400
const MINUTE_US = 60_000_000
const LEASE_US = 1_500_000

let upstream: UpstreamProcess
let redis: RedisServer

before(async () => {
  upstream = await startUpstream()
  if (skip === false) redis = await startRedis()
})
after(async () => {
  await upstream.close()
  if (skip === false) await redis.stop()
})

let prefixes = 0

function openStore(
  { url }: { readonly url: string } = redis,
  { prefix = `test-${++prefixes}`, timeoutMs = TIMEOUT_MS } = {},
): RedisStore {
  const config = quotaStoreSchema.parse({ kind: 'redis', url, timeoutMs })
  assert.equal(config.kind, 'redis')
  const runner = redisRunner({ config, password: undefined, ca: undefined })
  return new RedisStore({ runner, random: systemRandom(), prefix })
}

function quotaOf(config: object, name = 'q'): Quota {
  const parsed = quotasSchema.parse({ [name]: { key: 'route', ...config } })[name]
  assert.ok(parsed !== undefined)
  return new Quota(name, parsed)
}

function openGateway(quotaStore: QuotaStore, quotas: object): Promise<TestGateway> {
  const route = { name: 'all', path: '/', upstream: 'upstream', quotas: Object.keys(quotas) }
  return startGateway({ upstream: upstream.url, routes: [route], quotas, quotaStore })
}

/** The connection is made in the background; until then the answer is that there is none. */
async function connected(store: QuotaStore): Promise<void> {
  await waitFor(async () => {
    try {
      await store.take([], MINUTE_US)
      return true
    } catch {
      return false // Not yet.
    }
  })
}

test('two gateways, four loads: what is admitted is exact to the request', { skip }, async (t) => {
  const quotas = {
    each: { key: 'principal', limit: 173, window: '1d' },
    going: { key: 'route', concurrency: 1000 },
  }
  const stores = [1, 2].map(() => openStore(redis, { prefix: 'shared' }))
  await Promise.all(stores.map(connected))
  const reached = (await upstream.received()).count
  const gateways = await Promise.all(stores.map((store) => openGateway(store, quotas)))
  t.after(() => Promise.all(stores.map((store) => store.close())))
  t.after(() => Promise.all(gateways.map(({ close }) => close())))
  const loads = gateways.flatMap(({ port, keys }) => {
    return [new Load(port, keys.ada), new Load(port, keys.ada)]
  })
  const counts = await Promise.all(loads.map((load) => load.run(75, 4, '/bytes/1')))
  for (const load of loads) load.close()
  const sum = (status: number): number =>
    counts.reduce((total, each) => total + (each.get(status) ?? 0), 0)
  assert.deepEqual([sum(200), sum(429)], [173, 127])
  assert.equal((await upstream.received()).count - reached, 173)
})

test('the script counts as the memory does', { skip }, async (t) => {
  const store = openStore()
  t.after(() => store.close())
  await connected(store)
  const random = new SeededRandom(11)
  const next = (below: number): number => (random.bytes(1)[0] ?? 0) % below
  for (const [limit, window, burst] of [
    [7, '31d', 5],
    [999_983, '30d', 40],
    [3, '1h', 3],
    [1_000_000_000, '1h', 900],
  ] as const) {
    const quota = quotaOf({ limit, window, burst, durable: false, concurrency: 30 }, `q${limit}`)
    // Time stands still for the memory; in the server little of it goes by.
    const memory = new MemoryStore({ nowUs: () => 1_795_000_000_000_000 })
    for (let at = 0; at < 60; at += 1) {
      const ask = [{ quota, key: `k${next(2)}`, cost: next(burst > 5 ? 9 : 3) }]
      const want = memory.take(ask)
      assert.ok(!(want instanceof Promise))
      const got = await store.take(ask, MINUTE_US)
      const [one, other] = [got.standings[0], want.standings[0]]
      if (limit === 1_000_000_000) continue // Freed faster than it can be asked.
      assert.equal(got.isAdmitted, want.isAdmitted)
      assert.deepEqual([one?.used, one?.concurrent], [other?.used, other?.concurrent])
    }
  }
})

test('all or nothing, across limits', { skip }, async (t) => {
  const store = openStore()
  t.after(() => store.close())
  await connected(store)
  const wide = quotaOf({ limit: 10, window: '1h', concurrency: 5 }, 'wide')
  const narrow = quotaOf({ limit: 1, window: '1h' }, 'narrow')
  const asks = [wide, narrow].map((quota) => ({ quota, key: 'k', cost: 1 }))
  assert.equal((await store.take(asks, MINUTE_US)).isAdmitted, true)
  for (let at = 0; at < 20; at += 1) {
    const { isAdmitted, standings } = await store.take(asks, MINUTE_US)
    assert.equal(isAdmitted, false)
    assert.deepEqual([standings[0]?.used, standings[0]?.concurrent], [1, 1])
    assert.ok((standings[1]?.waitUs ?? 0) > 59 * MINUTE_US)
  }
})

test('what goes on: given back once, and free after the lease of a dead gateway', {
  skip,
}, async (t) => {
  const store = openStore()
  t.after(() => store.close())
  await connected(store)
  const asks = [{ quota: quotaOf({ concurrency: 2 }), key: 'k', cost: 1 }]
  const first = await store.take(asks, MINUTE_US)
  await store.take(asks, MINUTE_US)
  assert.equal((await store.take(asks, MINUTE_US)).isAdmitted, false)
  first.release()
  first.release()
  await waitFor(async () => (await store.take(asks, MINUTE_US)).isAdmitted)
  assert.equal((await store.take(asks, MINUTE_US)).isAdmitted, false)
  const dead = [{ quota: quotaOf({ concurrency: 2 }), key: 'dead', cost: 1 }]
  await store.take(dead, LEASE_US)
  await store.take(dead, LEASE_US)
  await waitFor(async () => {
    const { isAdmitted, standings } = await store.take(dead, LEASE_US)
    return isAdmitted && standings[0]?.concurrent === 1
  })
})

test('a limit that was made much smaller holds up nobody for ever', { skip }, async (t) => {
  const store = openStore()
  t.after(() => store.close())
  await connected(store)
  const large = { quota: quotaOf({ limit: 1_000_000, window: '31d' }), key: 'k', cost: 500_000 }
  assert.equal((await store.take([large], MINUTE_US)).isAdmitted, true)
  const small = { quota: quotaOf({ limit: 10, window: '31d' }), key: 'k', cost: 1 }
  const { isAdmitted, standings } = await store.take([small], MINUTE_US)
  assert.deepEqual([isAdmitted, standings[0]?.used], [false, 10])
  const monthUs = 31 * 24 * 60 * MINUTE_US
  assert.ok((standings[0]?.waitUs ?? 0) <= monthUs / 10)
})

test('another limit under the same name keeps what was used', { skip }, async (t) => {
  const store = openStore()
  t.after(() => store.close())
  await connected(store)
  const before = { quota: quotaOf({ limit: 100, window: '1h' }), key: 'k', cost: 40 }
  assert.equal((await store.take([before], MINUTE_US)).isAdmitted, true)
  const after = { quota: quotaOf({ limit: 50, window: '1d' }), key: 'k', cost: 1 }
  let admitted = 0
  for (let at = 0; at < 20; at += 1)
    if ((await store.take([after], MINUTE_US)).isAdmitted) admitted += 1
  assert.equal(admitted, 10)
})

test('a server that is gone, or does not answer: said in time, and over when it is back', {
  skip,
}, async (t) => {
  let own = await startRedis()
  const store = openStore(own, { timeoutMs: SHORT_MS })
  t.after(() => store.close())
  t.after(() => own.stop())
  await connected(store)
  const asks = [{ quota: quotaOf({ limit: 10, window: '1h' }), key: 'k', cost: 1 }]
  assert.equal((await store.take(asks, MINUTE_US)).isAdmitted, true)

  own.freeze()
  const begun = performance.now()
  await assert.rejects(store.take(asks, MINUTE_US), LimitsError)
  const tookMs = performance.now() - begun
  assert.ok(tookMs < TIMEOUT_MS, `${tookMs} ms for a limit of ${SHORT_MS}`)
  own.thaw()
  await connected(store)

  await own.stop()
  await sleep(50)
  await assert.rejects(store.take(asks, MINUTE_US), LimitsError)
  own = await startRedis(own.port)
  await connected(store)
  assert.equal((await store.take(asks, MINUTE_US)).isAdmitted, true)
})

/** A way to the server on which a connection can be made to swallow what it is sent. */
async function wayTo(own: RedisServer): Promise<{
  readonly url: string
  readonly connections: () => number
  swallow(): void
  close(): void
}> {
  const ends = new Set<Socket>()
  let connections = 0
  const server = createServer((near) => {
    connections += 1
    const far = connect(own.port, '127.0.0.1')
    for (const end of [near, far]) ends.add(end.on('error', () => undefined))
    near.pipe(far).pipe(near)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
    connections: () => connections,
    swallow: () => {
      for (const end of ends) end.unpipe().resume()
    },
    close: () => {
      for (const end of ends) end.destroy()
      server.close()
    },
  }
}

async function tell({ port }: RedisServer, command: string): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  socket.write(`${command}\r\n`)
  const [answer] = (await once(socket, 'data')) as [Buffer]
  socket.destroy()
  assert.equal(answer.toString('latin1'), '+OK\r\n')
}

test('a connection that only swallows is left for another', { skip }, async (t) => {
  const way = await wayTo(redis)
  const store = openStore(way, { timeoutMs: SHORT_MS })
  t.after(() => store.close())
  t.after(() => way.close())
  await connected(store)
  way.swallow()
  await assert.rejects(store.take([], MINUTE_US), LimitsError)
  await connected(store)
  assert.equal(way.connections(), 2)
})

test('a server that is no primary any more is left for whoever is', { skip }, async (t) => {
  const primary = await startRedis()
  t.after(() => primary.stop())
  const way = await wayTo(primary)
  const store = openStore(way, { timeoutMs: TIMEOUT_MS })
  t.after(() => store.close())
  t.after(() => way.close())
  const asks = [{ quota: quotaOf({ limit: 10, window: '1h' }), key: 'k', cost: 1 }]
  await connected(store)
  await store.take(asks, MINUTE_US)
  await tell(primary, 'REPLICAOF 127.0.0.1 1')
  await assert.rejects(store.take(asks, MINUTE_US), LimitsError)
  await tell(primary, 'REPLICAOF NO ONE')
  await waitFor(() => way.connections() > 1)
  await connected(store)
  assert.equal((await store.take(asks, MINUTE_US)).isAdmitted, true)
})

test('what goes on counts as long as it is renewed, and no longer', { skip }, async (t) => {
  const own = await startRedis()
  t.after(() => own.stop())
  const store = openStore({ url: own.url })
  t.after(() => store.close())
  await connected(store)
  const asks = [{ quota: quotaOf({ concurrency: 1 }), key: 'k', cost: 1 }]
  const first = await store.take(asks, LEASE_US)
  assert.equal(first.isAdmitted, true)
  for (let at = 0; at < 4; at += 1) {
    await sleep(500)
    first.renew()
    // What is asked later comes later, on the one connection.
    assert.equal((await store.take(asks, LEASE_US)).isAdmitted, false, `renewal ${at}`)
  }
  let second = await store.take(asks, MINUTE_US)
  // A gateway that died holds nothing.
  await waitFor(async () => {
    if (!second.isAdmitted) second = await store.take(asks, MINUTE_US)
    return second.isAdmitted
  })
  second.release()
  second.renew()
  // What was released is over.
  await waitFor(async () => (await store.take(asks, MINUTE_US)).isAdmitted)
})

test('without the server: 503 limits-unavailable, and no call', { skip }, async (t) => {
  const store = openStore({ url: 'redis://127.0.0.1:1' })
  const gateway = await openGateway(store, { each: { key: 'route', limit: 5, window: '1m' } })
  t.after(() => store.close())
  t.after(gateway.close)
  const load = new Load(gateway.port, gateway.keys.ada)
  t.after(() => load.close())
  const { status, body } = await load.ask('/bytes/1')
  assert.deepEqual([status, JSON.parse(body).reason], [503, 'limits-unavailable'])
})

test('with TLS and a password; with another password nothing is counted', { skip }, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'countersign-tls-'))
  const file = (name: string, text: string): string => {
    writeFileSync(join(directory, name), text)
    return join(directory, name)
  }
  const authority = makeAuthority()
  const { certificate, key } = authority.issue(['127.0.0.1'])
  const files = [
    file('leaf.pem', certificate),
    file('leaf.key', key),
    file('ca.pem', authority.pem),
  ]
  const [cert = '', leafKey = '', ca = ''] = files
  const tls = ['--tls-cert-file', cert, '--tls-key-file', leafKey, '--tls-ca-cert-file', ca]
  const secret = ['--requirepass', 'correct', '--tls-auth-clients', 'no']
  const own = await startRedis(undefined, (port) => {
    return ['--tls-port', port, '--port', '0', ...tls, ...secret]
  })
  t.after(async () => {
    await own.stop()
    authority.remove()
    rmSync(directory, { recursive: true })
  })
  const url = `rediss://127.0.0.1:${own.port}/1`
  const storeWith = (password: object): Promise<QuotaStore> => {
    const given = { kind: 'redis', url, authority: ca, password, timeoutMs: TIMEOUT_MS }
    const quotaStore = quotaStoreSchema.parse(given)
    const machine = { disk: nodeDisk(), clock: systemClock(), random: systemRandom() }
    return openQuotas({ quotaStore, data: directory }, { ...machine, environment: { WRONG: 'no' } })
  }
  const right = await storeWith({ file: file('password', 'correct\n') })
  t.after(() => right.close())
  await connected(right)
  const asks = [{ quota: quotaOf({ limit: 1, window: '1h' }), key: 'k', cost: 1 }]
  assert.equal((await right.take(asks, MINUTE_US)).isAdmitted, true)
  assert.equal((await right.take(asks, MINUTE_US)).isAdmitted, false)

  const wrong = await storeWith({ env: 'WRONG' })
  t.after(() => wrong.close())
  await sleep(300)
  await assert.rejects(Promise.resolve(wrong.take(asks, MINUTE_US)), LimitsError)
  await assert.rejects(storeWith({ env: 'ABSENT' }), /environment has no ABSENT/)
})
