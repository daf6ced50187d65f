// How a connection of HTTP/1.1 ends, and what is on its way when it does.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { after, before, test } from 'node:test'
import { startGateway, type TestGateway } from './gateway.ts'
import { startUpstream, type UpstreamProcess } from './upstream.ts'

let upstream: UpstreamProcess
let gateway: TestGateway

before(async () => {
  upstream = await startUpstream()
  gateway = await startGateway({
    upstream: upstream.url,
    limits: { keepAliveMs: 1000, headMs: 1500 },
  })
})
after(async () => {
  await gateway.close()
  await upstream.close()
})

/** Everything that is said on the connection, to its end. */
async function talk(send: (socket: Socket) => void): Promise<string> {
  const socket = connect(gateway.port, '127.0.0.1').setNoDelay(true)
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  socket.on('error', () => chunks.push(Buffer.from('reset')))
  send(socket)
  await once(socket, 'close')
  return Buffer.concat(chunks).toString('latin1')
}

function ask(more = ''): string {
  const key = `Authorization: Bearer ${gateway.keys.ada}\r\n`
  return `GET /bytes/3 HTTP/1.1\r\nHost: x\r\n${key}${more}\r\n`
}

test('an upload that nobody wants: the answer arrives, whatever is still on its way', async () => {
  const text = await talk((socket) => {
    socket.write('POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4000000\r\n\r\n')
    socket.write(Buffer.alloc(4_000_000))
  })
  assert.match(text, /^HTTP\/1\.1 401 /)
  assert.match(text, /\r\nconnection: close\r\n/i)
  assert.doesNotMatch(text, /reset/)
})

test('a connection that is asked nothing more is closed in time, without a record', async () => {
  const before = (await gateway.exchanges()).length
  const text = await talk((socket) => socket.write(ask()))
  assert.match(text, /\r\nkeep-alive: timeout=\d+\r\n/i)
  assert.equal(text.match(/HTTP\/1\.1 /g)?.length, 1)
  assert.equal((await gateway.exchanges()).length, before + 2)
})

test('a second request that does not come whole: 408, as for a first one', async () => {
  const text = await talk((socket) => socket.write(`${ask()}GET /echo HT`))
  assert.deepEqual(text.match(/HTTP\/1\.1 \d+/g), ['HTTP/1.1 200', 'HTTP/1.1 408'])
})

test('byte by byte: two requests, each with its answer, and the end that was asked', async () => {
  const text = await talk((socket) => {
    for (const byte of Buffer.from(ask() + ask('Connection: close\r\n'))) {
      socket.write(Buffer.of(byte))
    }
  })
  assert.deepEqual(text.match(/HTTP\/1\.1 \d+/g), ['HTTP/1.1 200', 'HTTP/1.1 200'])
  assert.match(text, /connection: keep-alive[\s\S]*connection: close/i)
})
