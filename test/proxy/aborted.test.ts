// Clients that leave at the worst moment: the gateway goes on.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { waitFor } from '../demo-process.ts'
import { startGateway, type TestGateway } from './gateway.ts'
import { startUpstream, type UpstreamProcess } from './upstream.ts'

let upstream: UpstreamProcess
let gateway: TestGateway

before(async () => {
  upstream = await startUpstream()
  gateway = await startGateway({ upstream: upstream.url })
})
after(async () => {
  await gateway.close()
  await upstream.close()
})

for (const [name, bytes] of [
  ['CONNECT', 'CONNECT evil:443 HTTP/1.1\r\nHost: x\r\n\r\n'],
  ['noise', 'NOISE\r\n\r\n'],
  ['a request without a credential', 'GET /echo HTTP/1.1\r\nHost: x\r\n\r\n'],
  ['an upgrade', 'GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n'],
] as const) {
  test(`H110 ${name}, and a reset before the answer: recorded, and that is all`, async () => {
    const before = (await gateway.exchanges()).length
    // The record is held up, so that the answer meets a connection that is gone.
    gateway.gate.close()
    for (let nth = 0; nth < 5; nth += 1) {
      const socket = connect(gateway.port, '127.0.0.1')
      await once(socket, 'connect')
      socket.write(bytes)
      await sleep(20)
      socket.resetAndDestroy()
    }
    await sleep(50)
    gateway.gate.open()
    const kinds = async () => (await gateway.exchanges()).slice(before).map(({ kind }) => kind)
    await waitFor(async () => (await kinds()).length >= 5)
    assert.deepEqual(await kinds(), Array(5).fill('refusal'))
  })
}

test('H110 what comes behind a request whose answer takes long', async (t) => {
  const events = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write('data: 1\n\n')
  })
  events.listen(0, '127.0.0.1')
  await once(events, 'listening')
  const { port } = events.address() as AddressInfo
  const streaming = await startGateway({
    upstream: `http://127.0.0.1:${port}`,
    limits: { refusalsWholeMax: 1 },
    routes: [{ name: 'all', path: '/', upstream: 'upstream', upgrade: 'websocket' }],
  })
  const warnings: Error[] = []
  const warned = (warning: Error): number => warnings.push(warning)
  process.on('warning', warned)
  after(async () => {
    process.off('warning', warned)
    await streaming.close()
    events.closeAllConnections()
    events.close()
  })
  const open = async (head: string) => {
    const socket = connect(streaming.port, '127.0.0.1').setNoDelay(true)
    const key = `Authorization: Bearer ${streaming.keys.ada}`
    socket.write(`${head} HTTP/1.1\r\nHost: x\r\n${key}\r\n`)
    return socket
  }
  const kinds = async () => (await streaming.exchanges()).map(({ kind }) => kind)

  await t.test('CONNECT behind the last one, and a reset: the gateway goes on', async () => {
    const socket = await open('POST /echo')
    socket.write('Content-Length: 5\r\n\r\nab')
    await once(socket, 'data')
    socket.write('cdeCONNECT evil:443 HTTP/1.1\r\nHost: x\r\n\r\n')
    await sleep(100)
    socket.resetAndDestroy()
    await waitFor(async () => (await kinds()).length >= 2)
    // And whatever else there might be.
    await sleep(200)
    assert.deepEqual(await kinds(), ['intent', 'outcome'])
  })

  await t.test('CONNECT behind requests that wait, and a reset: none of them stays', async () => {
    const socket = await open('GET /echo')
    const key = `Authorization: Bearer ${streaming.keys.ada}`
    const next = `GET /echo HTTP/1.1\r\nHost: x\r\n${key}\r\n\r\n`
    socket.write(`\r\n${next}${next}CONNECT evil:443 HTTP/1.1\r\nHost: x\r\n\r\n`)
    await once(socket, 'data')
    socket.resetAndDestroy()
    await waitFor(async () => /active_requests 0/.test(await streaming.metrics()))
    const ends = (await streaming.exchanges()).filter(({ kind }) => kind === 'outcome')
    assert.deepEqual(new Set(ends.map(({ how }) => how.ended)), new Set(['client-aborted']))
  })

  await t.test('noise, packet by packet: one refusal waits, however much of it comes', async () => {
    const socket = await open('GET /echo')
    socket.write('\r\n')
    await once(socket, 'data')
    for (let nth = 0; nth < 50; nth += 1) {
      socket.write('\x01')
      await sleep(2)
    }
    assert.deepEqual(warnings, [])
    socket.destroy()
    await waitFor(async () => (await kinds()).length >= 2)
    assert.deepEqual((await kinds()).slice(0, 2), ['intent', 'outcome'])
  })

  await t.test('an upgrade behind a refusal that a fold counts: each has its answer', async () => {
    const get = 'GET /no HTTP/1.1\r\nHost: x\r\n'
    const upgrade = 'Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 12\r\n'
    for (let nth = 0; nth < 4; nth += 1) {
      const socket = connect(streaming.port, '127.0.0.1')
      const chunks: Buffer[] = []
      socket.on('data', (chunk: Buffer) => chunks.push(chunk))
      socket.write(`${get}\r\n${get}${upgrade}\r\n`)
      await once(socket, 'close')
      const text = Buffer.concat(chunks).toString('latin1')
      assert.deepEqual(text.match(/HTTP\/1\.1 \d{3}/g), ['HTTP/1.1 401', 'HTTP/1.1 426'])
    }
    assert.deepEqual(streaming.events, [])
  })
})
