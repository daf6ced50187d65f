// What a route makes of a request, and of an upstream with several targets, as the record tells it.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createHttp2 } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { waitFor } from '../demo-process.ts'
import { startGateway, type TestGateway } from './gateway.ts'
import { readAnswer, sendRaw } from './raw-client.ts'

const servers: Server[] = []

/** It says that it takes no stream. */
const none = createHttp2({ settings: { maxConcurrentStreams: 0 } })
let noneConnections = 0
none.on('session', () => {
  noneConnections += 1
})

async function serve(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<string> {
  const server = createServer(answer).listen(0, '127.0.0.1')
  await once(server, 'listening')
  servers.push(server)
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function deadUrl(): Promise<string> {
  const url = await serve(() => undefined)
  const server = servers.pop()
  server?.close()
  if (server !== undefined) await once(server, 'close')
  return url
}

describe('an upstream', () => {
  let gateway: TestGateway
  let live: string
  let dead: string
  const hanging: ServerResponse[] = []

  before(async () => {
    live = await serve((request, response) => {
      const { method, url, rawHeaders } = request
      response.setHeader('X-Powered-By', 'secret')
      request.resume().on('end', () => response.end(JSON.stringify({ method, url, rawHeaders })))
    })
    dead = await deadUrl()
    const hang = await serve((_request, response) => hanging.push(response))
    const targets = [{ url: dead }, { url: live }]
    none.listen(0, '127.0.0.1')
    await once(none, 'listening')
    const noneUrl = `http://127.0.0.1:${(none.address() as AddressInfo).port}`
    const name = `localhost:${new URL(live).port}`
    gateway = await startGateway({
      upstream: live,
      upstreams: {
        two: { targets, retries: { budgetPercent: 100 }, outliers: { faultsMax: 1000 } },
        asked: { url: live, host: 'asked' },
        named: { url: live, host: { name: 'api.internal' } },
        resolved: { url: `http://${name}` },
        busy: { url: hang, connectionsMax: 1, waitingMax: 0 },
        none: { url: noneUrl, protocol: 'h2', timeouts: { waitMs: 50 } },
        slow: { url: hang, timeouts: { responseHeadMs: 50 } },
      },
      routes: [
        { name: 'strip', path: '/api', upstream: 'upstream', rewrite: { prefix: '/' } },
        {
          name: 'template',
          path: '/t/{tenant}/{id}',
          upstream: 'upstream',
          rewrite: { template: '/tenants/{tenant}/orders/{id}' },
          requestFields: { set: { 'X-Tenant': 'acme' }, remove: ['X-Debug'] },
          responseFields: { set: { 'X-Frame-Options': 'DENY' }, remove: ['X-Powered-By'] },
        },
        ...['two', 'asked', 'named', 'resolved', 'busy', 'slow', 'none'].map((upstream) => {
          return { name: upstream, path: `/${upstream}`, upstream }
        }),
      ],
    })
  })
  after(async () => {
    for (const response of hanging) response.destroy()
    await gateway.close()
    none.close()
    for (const server of servers) {
      server.closeAllConnections()
      server.close()
    }
  })

  async function ask(path: string, method = 'GET', fields = '', body = '') {
    const length = body === '' ? '' : `Content-Length: ${body.length}\r\n`
    const head = `${method} ${path} HTTP/1.1\r\nHost: api.example\r\n`
    const key = `Authorization: Bearer ${gateway.keys.ada}\r\n`
    const answer = readAnswer(
      await sendRaw(gateway.port, `${head}${key}${fields}${length}\r\n${body}`),
    )
    const exchanges = await gateway.exchanges()
    const outcome = exchanges.findLast(({ kind }) => kind === 'outcome')
    const intent = exchanges.find(({ index }) => index === outcome?.when.about?.index)
    return { answer, intent, outcome, received: answer.status === 200 ? parsed(answer.body) : NONE }
  }

  test('gets the path without the prefix of the route; the record has both', async () => {
    const { received, intent } = await ask('/api/orders/7?q=1')
    assert.equal(received.url, '/orders/7?q=1')
    assert.deepEqual([intent?.what.path, intent?.what.query], ['/api/orders/7', 'q=1'])
    assert.deepEqual(intent?.what.forwarded, { path: '/orders/7' })
  })

  test('gets a path by a template, and fields as the route says', async () => {
    const fields = 'x-tenant: evil\r\nX-TENANT: evil\r\nx-debug: 1\r\n'
    const { received, intent, answer } = await ask('/t/acme/7', 'GET', fields)
    assert.equal(received.url, '/tenants/acme/orders/7')
    const names = received.rawHeaders.map((each) => each.toLowerCase())
    assert.equal(names.filter((each) => each === 'x-tenant').length, 1)
    assert.equal(received.rawHeaders[names.indexOf('x-tenant') + 1], 'acme')
    assert.ok(!names.includes('x-debug'))
    assert.equal(answer.headers['x-powered-by'], undefined)
    assert.equal(answer.headers['x-frame-options'], 'DENY')
    assert.deepEqual(intent?.what.forwarded, { path: '/tenants/acme/orders/7' })
  })

  test('gets its own host, the one that was asked for, or a name', async () => {
    const hosts = await Promise.all([ask('/two'), ask('/asked')])
    const [two, asked] = hosts.map(({ received }) => hostOf(received.rawHeaders))
    assert.deepEqual([`http://${two}`, asked], [live, 'api.example'])
    const named = await ask('/named')
    assert.equal(hostOf(named.received.rawHeaders), 'api.internal')
    assert.deepEqual(named.intent?.what.forwarded, { authority: 'api.internal' })
  })

  test('that is a name: the record has the address that was asked, and the name', async () => {
    const { outcome } = await ask('/resolved')
    const { port } = new URL(live)
    const { address, target } = outcome?.via ?? {}
    assert.deepEqual([address, target], [`127.0.0.1:${port}`, `localhost:${port}`])
  })

  test('of two targets, one dead: a GET is answered, its attempts on record', async () => {
    const attempts = new Set<number>()
    for (let at = 0; at < 4; at += 1) {
      const { answer, outcome } = await ask('/two')
      const via = outcome?.via
      assert.equal(answer.status, 200)
      attempts.add(via?.attempts ?? 0)
      assert.equal(`http://${via?.address}`, live)
      if (via?.attempts !== 2) continue
      assert.equal(`http://${via.failed?.[0]?.address}`, dead)
      assert.equal(via.failed?.[0]?.fault, 'connection-refused')
    }
    assert.deepEqual(
      [...attempts].toSorted((a, b) => a - b),
      [1, 2],
    )
  })

  test('of two targets, one dead: a POST that nobody has had goes to the other', async () => {
    const attempts: (number | undefined)[] = []
    for (let at = 0; at < 4; at += 1) {
      const { answer, outcome } = await ask('/two', 'POST', '', 'x')
      assert.equal(answer.status, 200)
      attempts.push(outcome?.via?.attempts)
    }
    assert.deepEqual(
      attempts.toSorted((a = 0, b = 0) => a - b),
      [1, 1, 2, 2],
    )
  })

  test('that is busy: what it cannot take is refused before anything is spent on it', async () => {
    const key = `Authorization: Bearer ${gateway.keys.ada}\r\n`
    const first = sendRaw(gateway.port, `GET /busy HTTP/1.1\r\nHost: a\r\n${key}\r\n`)
    while (hanging.length === 0) await new Promise((resolve) => setImmediate(resolve))
    const { answer } = await ask('/busy')
    assert.deepEqual([answer.status, JSON.parse(answer.body).reason], [503, 'upstream-overloaded'])
    const refusal = (await gateway.exchanges()).at(-1)
    assert.deepEqual(
      [refusal?.kind, refusal?.why.reason, refusal?.who.principal?.id],
      ['refusal', 'upstream-overloaded', 'ada'],
    )
    hanging.pop()?.end('late')
    assert.equal(readAnswer(await first).status, 200)
  })

  test('that is busy: of several at once only one becomes an intent', async () => {
    const before = (await gateway.exchanges()).length
    gateway.gate.close()
    const key = `Authorization: Bearer ${gateway.keys.ada}\r\n`
    let refused = 0
    const all = Array.from({ length: 4 }, async () => {
      const text = await sendRaw(gateway.port, `GET /busy HTTP/1.1\r\nHost: a\r\n${key}\r\n`)
      if (readAnswer(text).status === 503) refused += 1
      return text
    })
    await sleep(50)
    gateway.gate.open()
    await waitFor(() => hanging.length > 0 && refused === 3)
    hanging.pop()?.end('late')
    const statuses = (await Promise.all(all)).map((text) => readAnswer(text).status)
    assert.deepEqual(
      statuses.toSorted((a, b) => a - b),
      [200, 503, 503, 503],
    )
    const kinds = (await gateway.exchanges()).slice(before).map(({ kind }) => kind)
    assert.deepEqual(kinds.toSorted(), ['intent', 'outcome', 'refusal', 'refusal', 'refusal'])
  })

  test('that takes no stream of HTTP/2 is waited for as for any connection', async () => {
    for (const [method, body] of [
      ['GET', ''],
      ['POST', 'x'],
    ] as const) {
      const { answer, outcome } = await ask('/none', method, '', body)
      assert.equal(answer.status, 503)
      assert.equal(outcome?.how.error, 'upstream-overloaded')
      assert.deepEqual([outcome.via?.attempts, outcome.via?.fault], [1, 'limit-reached'])
    }
    assert.equal(noneConnections, 1)
  })

  test('that is slow has a time of its own', async () => {
    const { answer, outcome } = await ask('/slow')
    assert.equal(answer.status, 504)
    assert.equal(outcome?.via.fault, 'first-byte-timeout')
  })
})

interface ReceivedHead {
  readonly url: string
  readonly rawHeaders: readonly string[]
}

const NONE: ReceivedHead = { url: '', rawHeaders: [] }

function parsed(body: string): ReceivedHead {
  return body.startsWith('{') ? (JSON.parse(body) as ReceivedHead) : NONE
}

function hostOf(rawHeaders: readonly string[]): string {
  const names = rawHeaders.map((each) => each.toLowerCase())
  return rawHeaders[names.indexOf('host') + 1] ?? ''
}
