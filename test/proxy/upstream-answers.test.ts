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

before(async () => {
  upstream = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.on('data', () => socket.write(reply, 'latin1'))
  })
  upstream.listen(0, '127.0.0.1')
  await once(upstream, 'listening')
  gateway = await startGateway({
    upstream: `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`,
    protocols: ['http/1.1', 'h2'],
    routes: [
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

async function statusOverHttp2(): Promise<number> {
  const session = connect(`http://127.0.0.1:${gateway.port}`)
  const authorization = `Bearer ${gateway.keys.ada}`
  const stream = session.request({ ':path': '/held', authorization }).resume()
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
    'set-cookie:   =__Host-countersign-login=x; Path=/; Secure',
    'Set-Cookie: a=__Host-countersign-session',
  ]
  const ours = 'Countersign-Index: 7\r\nRateLimit: 9'
  reply = `HTTP/1.1 200 OK\r\n${cookies.join('\r\n')}\r\n${ours}\r\nContent-Length: 0\r\n\r\n`
  const { headers } = readAnswer(await ask('GET /held'))
  assert.deepEqual([headers['countersign-index'], headers.ratelimit], [undefined, undefined])
  assert.deepEqual(headers['set-cookie'], 'a=__Host-countersign-session')
})
