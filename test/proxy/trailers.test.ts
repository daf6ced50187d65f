// Trailers go on by a list, both ways, whatever the protocols; what only a head may say never does.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createSecureServer, createServer, type Http2Server } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { routeSchema } from '../../packages/gateway/src/proxy/index.ts'
import { need } from '../needs.ts'
import { type Authority, makeAuthority } from './certificates.ts'
import { startGateway, type TestGateway } from './gateway.ts'
import { readAnswer, sendRaw } from './raw-client.ts'
import { startUpstream, type UpstreamProcess } from './upstream.ts'

const ROUTES = [{ name: 'all', path: '/', upstream: 'upstream', trailers: ['X-Listed'] }]
const skip = need('openssl', { command: 'openssl', install: 'apt-get install openssl' })

const SENT = [
  'Authorization: Bearer other',
  'Host: other.example',
  'X-Auth-User: admin',
  'X-Forwarded-For: 10.0.0.1',
  'X-Listed: yes',
  'X-Unlisted: no',
]

function post(gateway: TestGateway, trailers: readonly string[]): Promise<string> {
  const head = [
    'POST /echo HTTP/1.1',
    'Host: api.example',
    `Authorization: Bearer ${gateway.keys.ada}`,
    'Transfer-Encoding: chunked',
    'TE: trailers',
    'Connection: TE, close',
  ]
  const body = `3\r\nabc\r\n0\r\n${trailers.map((each) => `${each}\r\n`).join('')}\r\n`
  return sendRaw(gateway.port, `${head.join('\r\n')}\r\n\r\n${body}`)
}

describe('trailers of HTTP/1.1', () => {
  let upstream: UpstreamProcess
  let gateway: TestGateway

  before(async () => {
    upstream = await startUpstream()
    gateway = await startGateway({ upstream: upstream.url, routes: ROUTES })
  })
  after(async () => {
    await gateway.close()
    await upstream.close()
  })

  test('H27: of a request those that the route lists go on, none into the head', async () => {
    const answer = readAnswer(await post(gateway, SENT))
    const { rawTrailers, rawHeaders } = JSON.parse(answer.body) as {
      readonly rawTrailers: readonly string[]
      readonly rawHeaders: readonly string[]
    }
    assert.equal(answer.status, 200)
    assert.deepEqual(
      rawTrailers.map((text) => text.toLowerCase()),
      ['x-listed', 'yes'],
    )
    assert.doesNotMatch(rawHeaders.join(), /other|admin|10\.0\.0\.1|unlisted/i)
  })

  test('H27: a length after the body is refused', async () => {
    assert.equal(readAnswer(await post(gateway, ['Content-Length: 5'])).status, 400)
  })

  test('H28: more trailers than the limit are refused, and end no request upstream', async () => {
    const many = Array.from({ length: 150 }, () => 'X-Listed: yes')
    const { status, body } = readAnswer(await post(gateway, many))
    assert.deepEqual([status, JSON.parse(body).reason], [431, 'head-too-large'])
  })

  test('of a response, those that the route lists, and the receipt', async () => {
    const lines = [...SENT.slice(2), 'Set-Cookie: a=b', 'grpc-status: 0']
    const head = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'
    const raw = `${head}3\r\nabc\r\n0\r\n${lines.join('\r\n')}\r\n\r\n`
    const bytes = [
      `GET /raw/${Buffer.from(raw).toString('hex')} HTTP/1.1`,
      'Host: api.example',
      `Authorization: Bearer ${gateway.keys.ada}`,
      'TE: trailers',
      'Connection: TE, close',
    ].join('\r\n')
    const answer = readAnswer(await sendRaw(gateway.port, `${bytes}\r\n\r\n`))
    assert.equal(answer.body, 'abc')
    const { 'countersign-receipt': _receipt, ...passed } = answer.trailers
    assert.deepEqual(passed, { 'x-listed': 'yes', 'grpc-status': '0' })
  })

  for (const name of ['content-length', 'host', 'authorization', 'x-forwarded-for', 'set-cookie']) {
    test(`a route cannot list ${name}`, () => {
      const route = { name: 'a', path: '/', upstream: 'b', trailers: [name] }
      assert.equal(routeSchema.safeParse(route).success, false)
    })
  }
})

for (const [protocol, isTls, spoken] of [
  ['h2', false, '2.0'],
  ['h2', true, '2.0'],
  ['auto', true, '2.0'],
] as const) {
  describe(`an upstream of ${protocol}${isTls ? ' with TLS' : ''}`, { skip }, () => {
    let authority: Authority
    let server: Http2Server
    let gateway: TestGateway

    before(async () => {
      authority = makeAuthority()
      const { certificate: cert, key } = authority.issue(['127.0.0.1'])
      server = isTls ? createSecureServer({ cert, key, allowHTTP1: true }) : createServer()
      server.on('request', (request, response) => {
        const chunks: Buffer[] = []
        request.on('data', (chunk: Buffer) => chunks.push(chunk))
        request.on('end', () => {
          response.writeHead(200, { 'x-version': request.httpVersion })
          response.addTrailers({ 'x-listed': 'yes', 'x-unlisted': 'no' })
          const { rawTrailers, url } = request
          const body = Buffer.concat(chunks).toString()
          response.end(JSON.stringify({ url, rawTrailers, body, host: request.headers.host }))
        })
      })
      server.listen(0, '127.0.0.1')
      await once(server, 'listening')
      const { port } = server.address() as AddressInfo
      gateway = await startGateway({
        upstream: `${isTls ? 'https' : 'http'}://127.0.0.1:${port}`,
        upstreamProtocol: protocol,
        upstreamAuthority: authority.pem,
        routes: ROUTES,
      })
    })
    after(async () => {
      await gateway.close()
      server.close()
      authority.remove()
    })

    test(`head, body and trailers pass both ways, over HTTP/${spoken}`, async () => {
      const answer = readAnswer(await post(gateway, SENT))
      assert.deepEqual([answer.status, answer.headers['x-version']], [200, spoken])
      const { rawTrailers, body, url } = JSON.parse(answer.body) as {
        readonly rawTrailers: readonly string[]
        readonly body: string
        readonly url: string
      }
      assert.deepEqual([url, body, rawTrailers], ['/echo', 'abc', ['x-listed', 'yes']])
      assert.equal(answer.trailers['x-listed'], 'yes')
      assert.equal(answer.trailers['x-unlisted'], undefined)
    })

    test('many at once share a connection, and each is on record', async () => {
      const before = (await gateway.exchanges()).length
      const url = `http://127.0.0.1:${gateway.port}/echo`
      const headers = { authorization: `Bearer ${gateway.keys.ada}` }
      const asked = Array.from({ length: 50 }, () => fetch(url, { headers }))
      const statuses = (await Promise.all(asked)).map(({ status }) => status)
      assert.equal(
        statuses.every((status) => status === 200),
        true,
      )
      assert.equal((await gateway.exchanges()).length - before, 100)
    })
  })
}

for (const name of [
  'http2-settings',
  'Host',
  'content-length',
  'x-forwarded-for',
  'countersign-x',
]) {
  test(`no route lets ${name} through as a trailer`, () => {
    const route = { name: 'all', path: '/', upstream: 'u', trailers: [name] }
    assert.equal(routeSchema.safeParse(route).success, false)
    assert.equal(routeSchema.safeParse({ ...route, trailers: ['x-sum'] }).success, true)
  })
}
