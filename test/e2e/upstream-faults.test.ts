// Upstreams that die, fail, hang, break off and crawl: what clients get, in which time, what it
// costs the others, and that accepted = intents = outcomes whatever becomes of the attempts.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Agent, createServer, request, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { startGateway, type TestGateway } from '../proxy/gateway.ts'

const REQUESTS = 200
const HEAD_MS = 500
/** Nobody waits for ever; a machine that others use takes its time for the rest. */
const ANSWERED_MS_MAX = 30_000
const SLOW = 500
const SLOW_MS = 3000
const RSS_MAX = 100 * 1024 * 1024
/** Both ends share this process, and a burst of 500 bytes a second is a part of the times. */
const NOISE_MS = 100

type Behaviour = (response: ServerResponse) => void

const FAULTS: Readonly<Record<string, Behaviour>> = {
  dies: (response) => response.destroy(),
  'fails with 500': (response) => response.writeHead(500).end('no'),
  'fails with 503': (response) => response.writeHead(503).end('no'),
  hangs: () => undefined,
  'resets inside the body': (response) => {
    response.writeHead(200, { 'content-length': '100000' })
    response.write('x'.repeat(1000), () => response.socket?.resetAndDestroy())
  },
}

interface Upstream {
  readonly url: string
  readonly server: Server
  /** Requests by id, with their methods. */
  readonly seen: Map<string, { readonly method: string; count: number }>
}

async function serve(behave: Behaviour): Promise<Upstream> {
  const seen: Upstream['seen'] = new Map()
  const server = createServer((received, response) => {
    const id = String(received.headers['x-request-id'])
    const method = received.method ?? ''
    const known = seen.get(id) ?? { method, count: 0 }
    known.count += 1
    seen.set(id, known)
    received.resume()
    behave(response)
  }).listen(0, '127.0.0.1')
  // A kept connection is not closed in the moment in which it is used again.
  server.keepAliveTimeout = 0
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}`, server, seen }
}

interface Answered {
  readonly status: number
  readonly isWhole: boolean
  readonly ms: number
}

function ask(gateway: TestGateway, agent: Agent, path: string, method = 'GET'): Promise<Answered> {
  const startMs = performance.now()
  const { promise, resolve } = Promise.withResolvers<Answered>()
  const done = (status: number, isWhole: boolean): void => {
    resolve({ status, isWhole, ms: performance.now() - startMs })
  }
  const headers = { authorization: `Bearer ${gateway.keys.ada}` }
  const asking = request(
    { agent, port: gateway.port, host: '127.0.0.1', path, method, headers },
    (response) => {
      const status = response.statusCode ?? 0
      response.resume()
      response.on('end', () => done(status, response.complete))
      response.on('error', () => done(status, false))
    },
  )
  asking.on('error', () => done(0, false))
  asking.end(method === 'POST' ? 'body' : undefined)
  return promise
}

async function identity(gateway: TestGateway, accepted: number, context: TestContext) {
  const exchanges = await gateway.exchanges()
  const count = (kind: string): number => exchanges.filter((each) => each.kind === kind).length
  const counts = [accepted, count('intent'), count('outcome'), count('refusal')]
  context.diagnostic(`accepted ${counts[0]} = intents ${counts[1]} = outcomes ${counts[2]}`)
  assert.deepEqual(counts, [accepted, accepted, accepted, 0])
  return exchanges
}

function quantile(times: readonly number[], share: number): number {
  const sorted = times.toSorted((a, b) => a - b)
  return sorted[Math.floor((sorted.length - 1) * share)] ?? 0
}

for (const [name, behave] of Object.entries(FAULTS)) {
  test(`L3 one of two targets ${name}`, async (context) => {
    const [bad, good] = [await serve(behave), await serve((response) => response.end('ok'))]
    const gateway = await startGateway({
      upstream: good.url,
      upstreams: {
        two: {
          targets: [{ url: bad.url }, { url: good.url }],
          timeouts: { responseHeadMs: HEAD_MS },
          // A 500 may be the caller's doing: it counts only where it is said to.
          outliers: { faultsMax: 5, ejectMs: 60_000, statuses: [500, 502, 503, 504] },
        },
      },
      routes: [{ name: 'two', path: '/', upstream: 'two' }],
    })
    const agent = new Agent({ keepAlive: true, maxSockets: 16 })
    const answers = await Promise.all(
      Array.from({ length: REQUESTS }, (_, at) => {
        return ask(gateway, agent, `/${at}`, at % 4 < 2 ? 'GET' : 'POST')
      }),
    )
    const statuses = new Map<string, number>()
    for (const { status, isWhole } of answers) {
      const key = isWhole ? String(status) : `${status} broken off`
      statuses.set(key, (statuses.get(key) ?? 0) + 1)
    }
    const longestMs = Math.max(...answers.map(({ ms }) => ms))
    const exchanges = await identity(gateway, REQUESTS, context)
    const attempts = exchanges
      .filter(({ kind }) => kind === 'outcome')
      .reduce((sum, { via }) => sum + via.attempts, 0)
    const told = [...statuses].map(([key, count]) => `${key}: ${count}`).join(', ')
    context.diagnostic(`${told}; longest ${longestMs.toFixed(0)} ms; ${attempts} attempts`)
    context.diagnostic(`the failing target saw ${bad.seen.size} of ${REQUESTS} requests`)
    await gateway.close()
    agent.destroy()
    for (const { server } of [bad, good]) {
      server.closeAllConnections()
      server.close()
    }
    assert.ok(answers.every(({ status }) => [200, 500, 502, 503, 504].includes(status)))
    assert.ok(longestMs < ANSWERED_MS_MAX, `the last was answered after ${longestMs} ms`)
    assert.ok(bad.seen.size < REQUESTS / 2, `the target saw ${bad.seen.size}: it was not left out`)
    for (const [id, { method, count }] of bad.seen) {
      const times = count + (good.seen.get(id)?.count ?? 0)
      if (method === 'POST') assert.equal(times, 1, 'no POST was sent twice')
    }
  })
}

test(`L4 ${SLOW} responses at a byte a second cost nobody else much`, async (context) => {
  const crawling = new Set<NodeJS.Timeout>()
  const slow = await serve((response) => {
    response.writeHead(200, { 'content-length': '1000' })
    const timer = setInterval(() => response.write('x'), 1000)
    crawling.add(timer)
    response.on('close', () => clearInterval(timer))
  })
  const fast = await serve((response) => response.end('ok'))
  const gateway = await startGateway({
    upstream: fast.url,
    upstreams: { slow: { url: slow.url, connectionsMax: 1000 } },
    routes: [
      { name: 'fast', path: '/fast', upstream: 'upstream' },
      { name: 'slow', path: '/slow', upstream: 'slow', release: 'stream' },
    ],
  })
  const agent = new Agent({ keepAlive: true, maxSockets: 4 })
  const crawl = new Agent({ maxSockets: SLOW })
  let accepted = 0
  const measure = async (): Promise<readonly number[]> => {
    const times: number[] = []
    const untilMs = performance.now() + SLOW_MS
    while (performance.now() < untilMs) {
      const { status, ms } = await ask(gateway, agent, '/fast')
      assert.equal(status, 200)
      accepted += 1
      times.push(ms)
      await sleep(2)
    }
    return times
  }
  await measure()
  const alone = await measure()
  const before = process.memoryUsage().rss
  const slowOnes = Array.from({ length: SLOW }, () => ask(gateway, crawl, '/slow'))
  accepted += SLOW
  while (crawling.size < SLOW) await sleep(20)
  // What it costs to begin them is not what they cost.
  await sleep(1000)
  const beside = await measure()
  const grown = process.memoryUsage().rss - before
  slow.server.closeAllConnections()
  const ends = await Promise.all(slowOnes)
  assert.ok(
    ends.every(({ isWhole }) => !isWhole),
    'what was broken off does not look whole',
  )
  // Before and after: the machine is not the same from one second to the next.
  const after = await measure()
  const p99 = Math.max(quantile(alone, 0.99), quantile(after, 0.99))
  const p99Beside = quantile(beside, 0.99)
  context.diagnostic(
    `p50 ${quantile(alone, 0.5).toFixed(2)} -> ${quantile(beside, 0.5).toFixed(2)} ms`,
  )
  context.diagnostic(`p99 ${p99.toFixed(2)} -> ${p99Beside.toFixed(2)} ms beside ${SLOW}`)
  context.diagnostic(`resident memory grew by ${(grown / 1024 / 1024).toFixed(1)} MB (both ends)`)
  await identity(gateway, accepted, context)
  await gateway.close()
  for (const each of [agent, crawl]) each.destroy()
  for (const { server } of [slow, fast]) {
    server.closeAllConnections()
    server.close()
  }
  assert.ok(grown < RSS_MAX)
  assert.ok(p99Beside <= 2 * p99 + NOISE_MS)
})
