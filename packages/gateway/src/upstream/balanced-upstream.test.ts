import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, describe, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { SimulatedClock } from '../platform/index.ts'
import type { BalancedCall, RetryRule } from './balanced-call.ts'
import { BalancedUpstream } from './balanced-upstream.ts'
import { Http1Client } from './http1/client.ts'
import type { Resolve } from './name-watch.ts'
import type { UpstreamFault } from './types.ts'
import { upstreamSchema } from './upstream-config.ts'

interface Target {
  readonly url: string
  readonly port: number
  readonly server: Server
  count: number
}

const open: Target[] = []
const upstreams: BalancedUpstream[] = []
after(async () => {
  await Promise.all(upstreams.map((each) => each.destroy()))
  for (const { server } of open) {
    server.closeAllConnections()
    server.close()
  }
})

async function target(listener: RequestListener, port = 0, host = '127.0.0.1'): Promise<Target> {
  const server = createServer((request, response) => {
    made.count += 1
    listener(request, response)
  })
  server.listen(port, host)
  await once(server, 'listening')
  const { port: at } = server.address() as AddressInfo
  const made = { url: `http://${host}:${at}`, port: at, server, count: 0 }
  open.push(made)
  return made
}

const ok: RequestListener = (request, response) => {
  request.resume().on('end', () => response.end(`${request.method} ${request.headers.host}`))
}
const cut: RequestListener = ({ socket }) => void socket.destroy()

function start(config: object, resolve: Resolve = () => Promise.reject(new Error('no name'))) {
  const clock = new SimulatedClock()
  const faults: unknown[] = []
  const upstream = new BalancedUpstream({
    name: 'api',
    config: upstreamSchema.parse(config),
    connectMs: 1000,
    clock,
    resolve,
    makeClient: (options) => new Http1Client({ ...options, clock }),
    report: (fault) => faults.push(fault),
  })
  upstreams.push(upstream)
  return { upstream, clock, faults }
}

interface Told {
  readonly status?: number
  readonly body: string
  readonly fault?: UpstreamFault
  readonly call: BalancedCall
}

interface Asking {
  readonly method?: string
  readonly body?: string
  readonly rule?: RetryRule
}

function ask(upstream: BalancedUpstream, { method = 'GET', body, rule }: Asking = {}) {
  const { promise, resolve } = Promise.withResolvers<Told>()
  let status: number | undefined
  let text = ''
  const call: BalancedCall = upstream.call(
    {
      method,
      authority: upstream.authority,
      target: '/',
      fields: [],
      bodyBytes: body?.length ?? 0,
    },
    {
      head: (code) => {
        status = code
      },
      data: (chunk) => {
        text += Buffer.from(chunk).toString()
      },
      end: () => resolve({ status: status ?? 0, body: text, call }),
      fault: (fault) => resolve({ body: text, fault, call }),
    },
    rule,
  )
  if (body !== undefined) {
    call.write(Buffer.from(body))
    call.end()
  }
  return Object.assign(promise, { call })
}

async function until(holds: () => boolean): Promise<void> {
  for (let tries = 0; tries < 100_000 && !holds(); tries += 1) await turn()
  assert.ok(holds(), 'it never came to that')
}

async function deadUrl(): Promise<string> {
  const { server, url } = await target(ok)
  server.close()
  await once(server, 'close')
  return url
}

describe('an upstream of several targets', () => {
  test('spreads requests, and tells each target its own name', async () => {
    const targets = [await target(ok), await target(ok), await target(ok)]
    const { upstream } = start({ targets: targets.map(({ url }) => ({ url })) })
    const bodies: string[] = []
    for (let at = 0; at < 6; at += 1) bodies.push((await ask(upstream)).body)
    assert.deepEqual(
      targets.map(({ count }) => count),
      [2, 2, 2],
    )
    assert.equal(new Set(bodies).size, 3)
    assert.equal(upstream.view().state, 'ready')
  })

  test('asks another target where one cannot be reached, once, and says so', async () => {
    const good = await target(ok)
    const dead = await deadUrl()
    const { upstream } = start({ targets: [{ url: dead }, { url: good.url }] })
    const { status, call } = await ask(upstream)
    assert.equal(status, 200)
    assert.equal(call.attempts, 2)
    assert.equal(call.address, `127.0.0.1:${good.port}`)
    const [failed, ...more] = call.failed
    assert.deepEqual([failed?.fault, more.length], ['connection-refused', 0])
    assert.equal(`http://${failed?.address}`, dead)
    assert.equal(upstream.view().retries, 1)
  })

  const broken: readonly (readonly [string, Asking, number])[] = [
    ['a GET that is broken off is asked again', {}, 2],
    ['a PUT whose body was sent is not', { method: 'PUT', body: 'x' }, 1],
    ['a POST is not', { method: 'POST', body: 'x' }, 1],
    ['a POST without a body is not', { method: 'POST' }, 1],
    ['a POST without a body is where the route says so', { method: 'POST', rule: 'always' }, 2],
    [
      'a POST whose body was sent is not even then',
      { method: 'POST', body: 'x', rule: 'always' },
      1,
    ],
    ['a GET is not where the route says so', { rule: 'never' }, 1],
  ]
  for (const [sentence, asking, attempts] of broken) {
    test(sentence, async () => {
      const targets = [await target(cut), await target(cut)]
      const { upstream } = start({ targets: targets.map(({ url }) => ({ url })) })
      const { fault, call } = await ask(upstream, asking)
      assert.equal(fault?.reason, 'upstream-aborted')
      assert.equal(call.attempts, attempts)
      assert.equal(targets[0]?.count, 1)
      assert.equal(targets[1]?.count, attempts - 1)
    })
  }

  test('a PUT whose target cannot be reached goes to another, with its body whole', async () => {
    const good = await target(ok)
    const { upstream } = start({ targets: [{ url: await deadUrl() }, { url: good.url }] })
    const { status, call } = await ask(upstream, { method: 'PUT', body: 'whole' })
    assert.deepEqual([status, call.attempts], [200, 2])
  })

  test('a body that comes between two attempts goes whole to the third', async () => {
    let isCutting = false
    const first = await target((...both) => (isCutting ? cut(...both) : ok(...both)))
    const second = await target(ok)
    const echo: RequestListener = (request, response) => void request.pipe(response)
    const targets = [first, second, await target(echo)].map(({ url }) => ({ url }))
    const { upstream } = start({ targets, retries: { attemptsMax: 3, budgetPercent: 100 } })
    for (const _ of targets) await ask(upstream)
    isCutting = true
    second.server.close()
    second.server.closeAllConnections()
    await once(second.server, 'close')
    const { promise, resolve } = Promise.withResolvers<string>()
    let text = ''
    const call = upstream.call(
      {
        method: 'PUT',
        authority: upstream.authority,
        target: '/',
        fields: [],
        bodyBytes: undefined,
      },
      {
        head: () => undefined,
        data: (chunk) => {
          text += Buffer.from(chunk).toString()
        },
        end: () => resolve(text),
        fault: ({ reason }) => resolve(reason),
      },
    )
    await until(() => call.failed.length === 1)
    call.write(Buffer.from('one '))
    await until(() => call.failed.length === 2)
    call.write(Buffer.from('two'))
    call.end()
    assert.equal(await promise, 'one two')
  })

  test('a POST whose target cannot be reached is asked of another: nobody has had it', async () => {
    const good = await target(ok)
    const targets = [{ url: await deadUrl() }, { url: good.url }]
    const { upstream } = start({ targets })
    const { status, call } = await ask(upstream, { method: 'POST', body: 'x' })
    assert.deepEqual([status, call.attempts, good.count], [200, 2, 1])
    const never = await ask(start({ targets }).upstream, { method: 'POST', rule: 'never' })
    assert.deepEqual([never.call.attempts, never.call.fault], [1, 'connection-refused'])
  })

  test('a single target that cannot be reached is not asked again', async () => {
    const { upstream } = start({ url: await deadUrl() })
    assert.equal((await ask(upstream)).call.attempts, 1)
  })

  test('nothing is asked again after a head', async () => {
    const half: RequestListener = (_request, response) => {
      response.writeHead(200, { 'content-length': '10' })
      response.write('half', () => response.socket?.destroy())
    }
    const targets = [await target(half), await target(half)]
    const { upstream } = start({ targets: targets.map(({ url }) => ({ url })) })
    const { status, fault, call } = await ask(upstream)
    assert.deepEqual([status, fault?.reason, call.attempts], [undefined, 'upstream-aborted', 1])
  })

  test('retries end with their budget', async () => {
    const targets = [await target(cut), await target(cut)]
    const retries = { attemptsMax: 2, budgetPercent: 1 }
    const outliers = { faultsMax: 1000 }
    const { upstream } = start({ targets: targets.map(({ url }) => ({ url })), retries, outliers })
    let attempts = 0
    for (let at = 0; at < 50; at += 1) attempts += (await ask(upstream)).call.attempts
    assert.equal(attempts, 60)
  })
})

describe('limits of an upstream', () => {
  const hang: RequestListener = () => undefined

  test('requests beyond the connections wait, further ones are refused', async () => {
    const hanging = await target(hang)
    const { url } = hanging
    const { upstream, clock } = start({ url, connectionsMax: 1, waitingMax: 1 })
    const first = ask(upstream)
    await until(() => hanging.count === 1)
    const second = ask(upstream)
    const third = await ask(upstream)
    assert.equal(third.fault?.reason, 'upstream-overloaded')
    assert.equal(third.call.fault, 'limit-reached')
    assert.equal(third.call.attempts, 0)
    assert.deepEqual([upstream.view().active, upstream.view().waiting], [1, 1])
    await clock.advance(5000)
    assert.equal((await second).fault?.reason, 'upstream-overloaded')
    first.call.abort()
    assert.deepEqual([upstream.view().active, upstream.view().overloaded], [0, 2])
  })

  for (const [limits, most] of [
    [{ connectionsMax: 1, waitingMax: 1 }, 2],
    [{ connectionsMax: 1, waitingMax: 0 }, 1],
    [{ requestsMax: 2 }, 2],
  ] as const) {
    test(`room is kept for ${most} with ${JSON.stringify(limits)}, and no more`, async () => {
      const { url } = await target(hang)
      const { upstream } = start({ url, ...limits })
      const found = Array.from({ length: most + 1 }, () => upstream.reserve())
      assert.deepEqual(found, [...Array(most).fill(true), false])
      upstream.release()
      const { call } = ask(upstream)
      assert.equal(upstream.reserve(), false)
      call.abort()
      assert.equal(upstream.reserve(), true)
    })
  }

  test('nobody is kept from hearing that nothing can be reached', async () => {
    const { upstream } = start({
      url: 'http://127.0.0.1:1',
      health: { path: '/', unhealthyAfter: 1 },
    })
    await until(() => upstream.view().state === 'down')
    assert.equal(upstream.reserve(), true)
    assert.equal((await ask(upstream)).fault?.reason, 'upstream-unavailable')
  })

  test('who waits goes on when a connection is free', async () => {
    const waiting: (() => void)[] = []
    const { url } = await target((_request, response) => waiting.push(() => response.end()))
    const { upstream } = start({ url, connectionsMax: 1 })
    const first = ask(upstream)
    const second = ask(upstream)
    await until(() => waiting.length === 1)
    waiting[0]?.()
    assert.equal((await first).status, 200)
    await until(() => waiting.length === 2)
    waiting[1]?.()
    assert.equal((await second).status, 200)
  })

  test('all of them together are limited too', async () => {
    const { url } = await target(hang)
    const { upstream } = start({ url, requestsMax: 2 })
    const calls = [ask(upstream), ask(upstream)]
    assert.equal((await ask(upstream)).fault?.reason, 'upstream-overloaded')
    for (const { call } of calls) call.abort()
    assert.equal(upstream.view().active, 0)
  })
})

describe('a target that fails', () => {
  const bad: RequestListener = (_request, response) => response.writeHead(503).end()

  test('is left out for a while, and longer the next time', async () => {
    const [failing, good] = [await target(bad), await target(ok)]
    const targets = [{ url: failing.url }, { url: good.url }]
    const { upstream, clock } = start({ targets, outliers: { faultsMax: 2, ejectMs: 1000 } })
    for (let at = 0; at < 4; at += 1) await ask(upstream)
    assert.equal(upstream.view().endpoints[0]?.state, 'ejected')
    assert.equal(upstream.view().state, 'degraded')
    const before = failing.count
    for (let at = 0; at < 4; at += 1) assert.equal((await ask(upstream)).status, 200)
    assert.equal(failing.count, before)
    await clock.advance(1000)
    assert.equal(upstream.view().endpoints[0]?.state, 'ready')
    for (let at = 0; at < 4; at += 1) await ask(upstream)
    await clock.advance(1500)
    assert.equal(upstream.view().endpoints[0]?.state, 'ejected')
    await clock.advance(500)
    assert.equal(upstream.view().endpoints[0]?.state, 'ready')
  })

  test('that was good again for as long is left out no longer than the first time', async () => {
    let isBad = true
    const failing = await target((...both) => (isBad ? bad(...both) : ok(...both)))
    const targets = [{ url: failing.url }, { url: (await target(ok)).url }]
    const { upstream, clock } = start({ targets, outliers: { faultsMax: 1, ejectMs: 1000 } })
    const states: (string | undefined)[] = []
    for (let round = 0; round < 2; round += 1) {
      isBad = true
      for (let at = 0; at < 2; at += 1) await ask(upstream)
      states.push(upstream.view().endpoints[0]?.state)
      await clock.advance(1000)
      states.push(upstream.view().endpoints[0]?.state)
      isBad = false
      await clock.advance(1000)
      for (let at = 0; at < 2; at += 1) await ask(upstream)
    }
    assert.deepEqual(states, ['ejected', 'ready', 'ejected', 'ready'])
  })

  test('is not left out where it is the last, or too many are', async () => {
    const one = await target(bad)
    const { upstream } = start({ url: one.url, outliers: { faultsMax: 1 } })
    for (let at = 0; at < 5; at += 1) assert.equal((await ask(upstream)).status, 503)
    const targets = [await target(bad), await target(bad), await target(bad), await target(bad)]
    const four = start({
      targets: targets.map(({ url }) => ({ url })),
      outliers: { faultsMax: 1, ejectedPercentMax: 50 },
    })
    for (let at = 0; at < 12; at += 1) await ask(four.upstream)
    const states = four.upstream.view().endpoints.map(({ state }) => state)
    assert.equal(states.filter((state) => state === 'ejected').length, 2)
  })

  test('gains nothing by callers who go away before it has answered', async () => {
    let isHanging = false
    const mute: RequestListener = (...both) => (isHanging ? undefined : cut(...both))
    const targets = [{ url: (await target(mute)).url }, { url: (await target(ok)).url }]
    const retries = { attemptsMax: 1 }
    const { upstream } = start({ targets, retries, outliers: { faultsMax: 3 } })
    for (let round = 0; round < 3; round += 1) {
      isHanging = false
      await ask(upstream)
      await ask(upstream)
      isHanging = true
      for (let at = 0; at < 2; at += 1) ask(upstream).call.abort('client-aborted')
    }
    const [first] = upstream.view().endpoints
    assert.deepEqual([first?.faults, first?.state], [3, 'ejected'])
  })

  test('counts as slow when its answer was waited for too long', async () => {
    const { url } = await target(() => undefined)
    const { upstream } = start({ url })
    const { call } = ask(upstream)
    call.abort('upstream-timeout')
    assert.equal(call.fault, 'first-byte-timeout')
    const [endpoint] = upstream.view().endpoints
    assert.deepEqual([endpoint?.faults, endpoint?.lastFault], [1, 'first-byte-timeout'])
  })
})

describe('checks', () => {
  test('take a target out and let it back in, after so many in a row', async () => {
    let status = 500
    let checks = 0
    const { url } = await target(({ url: path }, response) => {
      if (path === '/healthz') checks += 1
      response.writeHead(path === '/healthz' ? status : 200).end()
    })
    const health = { path: '/healthz', everyMs: 1000, healthyAfter: 2, unhealthyAfter: 2 }
    const { upstream, clock } = start({ url, health })
    const pass = async (): Promise<void> => {
      const before = checks
      await clock.advance(1000)
      await until(() => checks > before)
      await until(() => upstream.view().active === 0)
      for (let at = 0; at < 50; at += 1) await turn()
    }
    await until(() => checks === 1)
    for (let at = 0; at < 50; at += 1) await turn()
    assert.equal(upstream.view().state, 'ready', 'one bad check is no verdict')
    await pass()
    assert.equal(upstream.view().state, 'down')
    const { fault, call } = await ask(upstream)
    assert.deepEqual([fault?.reason, call.attempts], ['upstream-unavailable', 0])
    assert.match(upstream.view().endpoints[0]?.lastFault ?? '', /check: status-500/)
    status = 200
    await pass()
    assert.equal(upstream.view().state, 'down')
    await pass()
    assert.equal(upstream.view().state, 'ready')
    assert.equal((await ask(upstream)).status, 200)
  })

  test('are not held up by requests that have every connection', async () => {
    let checks = 0
    const { url } = await target((request, response) => {
      if (request.url !== '/healthz') return
      checks += 1
      response.end()
    })
    const health = { path: '/healthz', everyMs: 1000, unhealthyAfter: 1 }
    const { upstream, clock } = start({ url, health, connectionsMax: 1 })
    await until(() => checks === 1)
    const { call } = ask(upstream)
    for (let at = 0; at < 50; at += 1) await turn()
    await clock.advance(1000)
    await until(() => checks === 2)
    assert.deepEqual([upstream.view().state, upstream.view().active], ['ready', 1])
    call.abort()
  })
})

describe('a name', () => {
  test('is every address that it has, and follows it', async () => {
    const one = await target(ok)
    const two = await target(ok, one.port, '127.0.0.2')
    let answers = ['127.0.0.1', '127.0.0.2']
    const { upstream, clock } = start(
      { url: `http://api.internal:${one.port}`, refreshMs: 1000 },
      async () => answers,
    )
    for (let at = 0; at < 4; at += 1) {
      assert.equal((await ask(upstream)).body, `GET api.internal:${one.port}`)
    }
    assert.deepEqual([one.count, two.count], [2, 2])
    answers = ['127.0.0.2']
    await clock.advance(1000)
    await until(() => upstream.view().endpoints.length === 1)
    for (let at = 0; at < 4; at += 1) await ask(upstream)
    assert.deepEqual([one.count, two.count], [2, 6])
    assert.equal(upstream.view().endpoints[0]?.requests, 6, 'what stays keeps its counts')
  })

  test('H72 that leads to metadata is not followed there', async () => {
    const one = await target(ok)
    const answers = ['169.254.169.254', '::ffff:169.254.169.254', '0.0.0.0']
    const { upstream, faults } = start(
      { url: `http://api.internal:${one.port}` },
      async () => answers,
    )
    const { fault, call } = await ask(upstream)
    assert.deepEqual([fault?.reason, call.fault], ['upstream-unreachable', 'name-unresolved'])
    assert.match(String(faults[0]), /169\.254\.169\.254: metadata/)
    answers.push('127.0.0.1')
    assert.equal(upstream.view().state, 'down')
  })

  test('that cannot be resolved any more keeps its last addresses', async () => {
    const one = await target(ok)
    let isDown = false
    const { upstream, clock, faults } = start(
      { url: `http://api.internal:${one.port}`, refreshMs: 1000 },
      async () => (isDown ? Promise.reject(new Error('SERVFAIL')) : ['127.0.0.1']),
    )
    assert.equal((await ask(upstream)).status, 200)
    isDown = true
    await clock.advance(3000)
    await until(() => faults.length > 0)
    assert.equal((await ask(upstream)).status, 200)
  })
})

test('closing lets what is going on end', async () => {
  const waiting: (() => void)[] = []
  const { url } = await target((_request, response) => waiting.push(() => response.end('late')))
  const { upstream } = start({ url })
  const asking = ask(upstream)
  await until(() => waiting.length === 1)
  let isClosed = false
  const closing = upstream.close().then(() => {
    isClosed = true
  })
  for (let at = 0; at < 20; at += 1) await turn()
  assert.equal(isClosed, false)
  waiting[0]?.()
  assert.equal((await asking).body, 'late')
  await closing
})
