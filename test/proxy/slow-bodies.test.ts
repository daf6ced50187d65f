// Clients that are slow on purpose: in a body, in taking a response. Each is let go in time.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { after, before, test } from 'node:test'
import { startGateway, type TestGateway } from './gateway.ts'
import { readAnswer } from './raw-client.ts'
import { startUpstream, type UpstreamProcess } from './upstream.ts'

let upstream: UpstreamProcess
let gateway: TestGateway

before(async () => {
  upstream = await startUpstream()
  gateway = await startGateway({
    upstream: upstream.url,
    limits: { bodyIdleMs: 1000, bodyBytesPerSecondMin: 100 },
  })
})
after(async () => {
  await gateway.close()
  await upstream.close()
})

/** What a byte at a time takes. */
const WHOLE_MS = 600 * 50

/** Sends a body of 600 bytes, so many at a time, each 50 ms; the answer, and when it came. */
async function drip(bytes: number): Promise<{ readonly status: number; readonly ms: number }> {
  const socket = connect(gateway.port, '127.0.0.1')
  const begun = performance.now()
  let text = ''
  socket.on('data', (chunk) => {
    text += String(chunk)
  })
  socket.on('error', () => undefined)
  const key = `Authorization: Bearer ${gateway.keys.ada}`
  const fields = `Host: x\r\n${key}\r\nContent-Length: 600\r\nConnection: close`
  socket.write(`POST /echo HTTP/1.1\r\n${fields}\r\n\r\n`)
  let sent = 0
  const timer = setInterval(() => {
    socket.write('a'.repeat(Math.min(bytes, 600 - sent)))
    sent += bytes
    if (sent >= 600) clearInterval(timer)
  }, 50)
  await once(socket, 'close')
  clearInterval(timer)
  return { status: readAnswer(text).status, ms: performance.now() - begun }
}

test('H108 a body of a byte now and then is no progress: 408', async () => {
  const { status, ms } = await drip(1)
  const outcome = (await gateway.exchanges()).findLast(({ kind }) => kind === 'outcome')
  assert.deepEqual([status, outcome?.how.error], [408, 'body-timeout'])
  assert.ok(ms < WHOLE_MS / 2, `${ms} ms`)
})

test('H108 a body that is slow, but not that slow, arrives', async () => {
  assert.equal((await drip(60)).status, 200)
})
