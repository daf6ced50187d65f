// What an upstream answers, byte for byte, and what a client gets of it.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type IncomingHttpHeaders } from 'node:http2'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { after, before, test } from 'node:test'
import { startGateway, type TestGateway } from './gateway.ts'
import { readAnswer, sendRaw } from './raw-client.ts'

const EVENTS = 'Content-Type: text/event-stream'

let upstream: Server
let gateway: TestGateway
let reply = ''
/** What follows it a while later; then the connection is closed. */
let more: string | undefined

before(async () => {
  upstream = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.on('data', () => {
      socket.write(reply, 'latin1')
      const then = more
      if (then !== undefined) setTimeout(() => socket.end(then, 'latin1'), 100)
    })
  })
  upstream.listen(0, '127.0.0.1')
  await once(upstream, 'listening')
  const url = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`
  gateway = await startGateway({
    upstream: url,
    upstreams: { hasty: { url, timeouts: { responseIdleMs: 300 } } },
    protocols: ['http/1.1', 'h2'],
    routes: [
      { name: 'hasty', path: '/hasty', upstream: 'hasty' },
      { name: 'hasty-stream', path: '/hasty-stream', upstream: 'hasty', release: 'stream' },
      { name: 'held', path: '/held', upstream: 'upstream' },
      { name: 'stream', path: '/stream', upstream: 'upstream', release: 'stream' },
    ],
  })
})
after(async () => {
  await gateway.close()
  upstream.close()
})

/** Two requests on one connection: what the first is answered with; the second is served. */
async function ask(line: string, fields: readonly string[] = []) {
  const head = ['Host: a.example', `Authorization: Bearer ${gateway.keys.ada}`, ...fields]
  const first = [`${line} HTTP/1.1`, ...head, '', ''].join('\r\n')
  const second = 'GET /held HTTP/1.1\r\nHost: a.example\r\n\r\n'
  const isAll = (all: string) => all.includes('HTTP/1.1 401 ')
  const text = await sendRaw(gateway.port, first + second, { isAll })
  return text.slice(0, text.indexOf('HTTP/1.1 401 '))
}

async function statusOverHttp2(path = '/held'): Promise<number> {
  const session = connect(`http://127.0.0.1:${gateway.port}`)
  const authorization = `Bearer ${gateway.keys.ada}`
  const stream = session.request({ ':path': path, authorization }).resume()
  const [head] = (await once(stream, 'response')) as [IncomingHttpHeaders]
  await once(stream, 'close')
  session.destroy()
  return Number(head[':status'])
}

for (const path of ['/held', '/stream']) {
  for (const [name, method, answer] of [
    ['HEAD with a length', 'HEAD', '200 OK\r\nContent-Length: 3'],
    ['HEAD of chunks', 'HEAD', '200 OK\r\nTransfer-Encoding: chunked'],
    ['HEAD of events', 'HEAD', `200 OK\r\n${EVENTS}`],
    ['204', 'GET', '204 No Content'],
    ['304 with a length', 'GET', '304 Not Modified\r\nContent-Length: 3'],
    ['304 of events', 'GET', `304 Not Modified\r\n${EVENTS}`],
  ] as const) {
    test(`${name} has no body and no trailers for who takes them: ${path}`, async () => {
      reply = `HTTP/1.1 ${answer}\r\n\r\n`
      const text = await ask(`${method} ${path}`, ['TE: trailers', 'Connection: te'])
      assert.ok(text.startsWith(`HTTP/1.1 ${answer.slice(0, 3)} `), text)
      assert.match(text, /countersign-receipt: /i)
      assert.equal(text.slice(text.indexOf('\r\n\r\n')), '\r\n\r\n')
      assert.doesNotMatch(text, /transfer-encoding|trailer:/i)
    })
  }
}

for (const [name, framed] of [
  ['of a length', 'Content-Length: 3\r\n\r\nabc'],
  ['in chunks', 'Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n'],
  ['of events that go on', `${EVENTS}\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n`],
] as const) {
  for (const protocol of ['1.1', '2'] as const) {
    test(`205 with content ${name} is no response, over HTTP/${protocol}`, async () => {
      reply = `HTTP/1.1 205 Reset Content\r\n${framed}`
      const status =
        protocol === '2' ? await statusOverHttp2() : readAnswer(await ask('GET /held')).status
      assert.equal(status, 502)
      const outcome = (await gateway.exchanges()).findLast(({ kind }) => kind === 'outcome')
      assert.equal(outcome?.how.error, 'upstream-protocol')
      assert.equal(outcome?.how.response, undefined)
    })
  }
}

test('205 without content passes', async () => {
  reply = 'HTTP/1.1 205 Reset Content\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'
  assert.equal(await statusOverHttp2(), 205)
  assert.equal(readAnswer(await ask('GET /stream')).headers['content-length'], '0')
})

test('no upstream says who is signed in, nor what the gateway says', async () => {
  const cookies = [
    'Set-Cookie: __Host-countersign-session=stolen; Path=/; Secure',
    'set-cookie:   =__Host-countersign-login-AbCd_-12=x; Path=/; Secure',
    'Set-Cookie: __Host-countersign-session-staff=stolen; Path=/; Secure',
    'SET-COOKIE: __Host-countersign-session-staff=; Path=/; Secure; Max-Age=0',
    'Set-Cookie: a=__Host-countersign-session',
  ]
  const ours = 'Countersign-Index: 7\r\nRateLimit: 9'
  reply = `HTTP/1.1 200 OK\r\n${cookies.join('\r\n')}\r\n${ours}\r\nContent-Length: 0\r\n\r\n`
  const { headers } = readAnswer(await ask('GET /held'))
  assert.deepEqual([headers['countersign-index'], headers.ratelimit], [undefined, undefined])
  assert.deepEqual(headers['set-cookie'], 'a=__Host-countersign-session')
})

const LARGE = 'HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n'
for (const [name, path, body, then, told, status] of [
  ['silence', '/hasty', 'ab', undefined, 'upstream-timeout', 504],
  ['nothing at all', '/hasty', '', undefined, 'upstream-timeout', 504],
  ['its end', '/hasty', 'ab', '', 'upstream-aborted', 502],
  ['silence behind more', '/hasty', 'ab', 'cd', 'upstream-aborted', undefined],
  [
    'silence where its head goes at once',
    '/hasty-stream',
    'ab',
    undefined,
    'upstream-timeout',
    undefined,
  ],
] as const) {
  test(`a large answer that stops, with ${name}: the record says what was had of it`, async (t) => {
    reply = LARGE + body
    more = then
    t.after(() => {
      more = undefined
    })
    const headers = { authorization: `Bearer ${gateway.keys.ada}` }
    const response = await fetch(`http://127.0.0.1:${gateway.port}${path}`, { headers })
    const text = await response.text().catch(() => undefined)
    const outcome = (await gateway.exchanges()).findLast(({ kind }) => kind === 'outcome')
    const how = outcome?.how
    assert.equal(how?.error, told)
    assert.equal(outcome?.via?.status, 200)
    if (status === undefined) {
      assert.deepEqual([text, response.status, how?.status], [undefined, 200, 200])
      assert.deepEqual([how?.ended, how?.source], ['upstream-aborted', 'upstream'])
      assert.equal(how?.response?.bytes, then === undefined ? 0 : 2)
      return
    }
    assert.deepEqual([response.status, how?.status, how?.source], [status, status, 'gateway'])
    assert.ok(text?.includes(told))
    assert.match(response.headers.get('countersign-receipt') ?? '', /./)
    assert.equal(how?.response, undefined)
    assert.equal(await statusOverHttp2(path), status)
  })
}
