// A request that asks for another protocol and announces a body beside it: whatever it is refused
// for, what follows its head is never read as a request.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { startGateway, type TestGateway } from './gateway.ts'
import { sendRaw } from './raw-client.ts'
import { startUpstream, type UpstreamProcess } from './upstream.ts'

let upstream: UpstreamProcess
let gateway: TestGateway

before(async () => {
  upstream = await startUpstream()
  const routes = [
    { name: 'chat', path: '/chat', upstream: 'upstream', upgrade: 'websocket' },
    { name: 'all', path: '/', upstream: 'upstream' },
  ]
  gateway = await startGateway({ upstream: upstream.url, routes })
})
after(async () => {
  await gateway.close()
  await upstream.close()
})

const OPENING = [
  'Upgrade: websocket',
  'Connection: Upgrade',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
]

for (const [line, fields, name] of [
  ['PROPFIND /chat', [], 'a method that is not served'],
  ['GET /chat', ['Expect: a-miracle'], 'an expectation that is not met'],
  ['GET /chat', [], 'a handshake with a body'],
  ['GET /nowhere', [], 'a path of no such route'],
] as const) {
  for (const framing of ['length', 'chunks'] as const) {
    test(`${name}, its body in ${framing} and late: no second request`, async () => {
      const before = (await gateway.exchanges()).length
      const key = `Authorization: Bearer ${gateway.keys.ada}`
      const hidden = `GET /hidden HTTP/1.1\r\nHost: a.example\r\n${key}\r\n\r\n`
      const said =
        framing === 'length' ? `Content-Length: ${hidden.length}` : 'Transfer-Encoding: chunked'
      const head = [`${line} HTTP/1.1`, 'Host: a.example', key, ...OPENING, ...fields, said, '', '']
      const isAll = (text: string): boolean => text.includes('/hidden')
      const text = await sendRaw(gateway.port, head.join('\r\n'), { parts: ['', hidden], isAll })
      assert.match(text, /^HTTP\/1\.1 4\d\d/)
      assert.equal(text.match(/HTTP\/1\.1 \d\d\d/g)?.length, 1, text)
      const records = (await gateway.exchanges()).slice(before)
      assert.deepEqual(
        records.map(({ kind }) => kind),
        ['refusal'],
      )
    })
  }
}

test('bytes that come while a handshake is answered otherwise are no request', async (t) => {
  const released = Promise.withResolvers<void>()
  const server = createServer((socket) => {
    socket
      .on('error', () => undefined)
      .once('data', () => {
        socket.write('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n')
        void released.promise.then(() => socket.end('data: 2\n\n'))
      })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const routes = [{ name: 'chat', path: '/', upstream: 'upstream', upgrade: 'websocket' }]
  const streaming = await startGateway({ upstream: `http://127.0.0.1:${port}`, routes })
  t.after(async () => {
    await streaming.close()
    server.close()
  })
  const key = `Authorization: Bearer ${streaming.keys.ada}`
  const socket = connect(streaming.port, '127.0.0.1')
  socket.write(['GET /chat HTTP/1.1', 'Host: a.example', key, ...OPENING, '', ''].join('\r\n'))
  await once(socket, 'data')
  // The beginning of one request; what follows it must not be taken for another.
  socket.write('POST /first HTTP/1.1\r\nHost: a.example\r\nContent-Length: 100\r\n\r\n')
  await sleep(50)
  released.resolve()
  socket.on('error', () => undefined)
  let text = ''
  for await (const chunk of socket) {
    text += String(chunk)
    const second = `GET /second HTTP/1.1\r\nHost: a.example\r\n${key}\r\n\r\n`
    if (text.endsWith('0\r\n\r\n')) socket.write(second)
    if (text.includes('HTTP/1.1')) break
  }
  assert.ok(!text.includes('HTTP/1.1'), text)
  const records = await streaming.exchanges()
  assert.deepEqual(
    records.map(({ kind }) => kind),
    ['intent', 'outcome'],
  )
})
