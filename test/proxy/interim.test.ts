// What comes before the answer: 1xx of the upstream, and the client's wish to be invited.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server } from 'node:net'
import { after, before, test } from 'node:test'
import { waitFor } from '../demo-process.ts'
import { startGateway, type TestGateway } from './gateway.ts'
import { readAnswer, sendRaw } from './raw-client.ts'

const HINT = 'HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nX-Other: 1\r\n\r\n'
const ANSWER = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

let upstream: Server
let gateway: TestGateway
let before103 = HINT
let asked = ''
let lost = 0

before(async () => {
  upstream = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.on('close', () => {
      lost += 1
    })
    socket.on('data', (chunk) => {
      asked += chunk.toString('latin1')
      if (/\/waits/.test(asked)) return
      socket.write(before103 + ANSWER)
    })
  })
  upstream.listen(0, '127.0.0.1')
  await once(upstream, 'listening')
  const { port } = upstream.address() as AddressInfo
  gateway = await startGateway({
    upstream: `http://127.0.0.1:${port}`,
    limits: { bodyIdleMs: 200 },
    routes: [
      { name: 'dropped', path: '/dropped', upstream: 'upstream' },
      { name: 'passed', path: '/passed', upstream: 'upstream', earlyHints: 'passed' },
      { name: 'waits', path: '/waits', upstream: 'upstream' },
    ],
  })
})
after(async () => {
  await gateway.close()
  upstream.close()
})

function ask(line: string, fields: readonly string[] = []): string {
  const key = `Authorization: Bearer ${gateway.keys.ada}`
  return [line, 'Host: a.example', key, ...fields, '', ''].join('\r\n')
}

const isAnswered = (text: string): boolean => text.includes('HTTP/1.1 200')

test('103 is dropped where the route does not ask for it', async () => {
  const text = await sendRaw(gateway.port, ask('GET /dropped HTTP/1.1'))
  assert.match(text, /^HTTP\/1\.1 200 OK/)
})

test('103 goes on where it does, with its links and nothing else', async () => {
  const text = await sendRaw(gateway.port, ask('GET /passed HTTP/1.1'), { isAll: isAnswered })
  assert.match(
    text,
    /^HTTP\/1\.1 103 Early Hints\r\nLink: <\/a\.css>; rel=preload\r\n\r\nHTTP\/1\.1 200/i,
  )
})

test('103 with several links in a field, and with what is no link, ends nothing', async () => {
  before103 = HINT.replace('Link: ', 'Link: </b.js>; rel=preload, ').replace('X-Other', 'Link')
  const text = await sendRaw(gateway.port, ask('GET /passed HTTP/1.1'), { isAll: isAnswered })
  before103 = HINT
  assert.match(
    text,
    /^HTTP\/1\.1 103 Early Hints\r\nLink: <\/b\.js>.*\r\nLink: 1\r\n\r\nHTTP\/1\.1 200/i,
  )
})

test('H41: more of them than an answer may have is no answer', async () => {
  before103 = HINT.repeat(10_000)
  const text = await sendRaw(gateway.port, ask('GET /passed HTTP/1.1'), {
    isAll: (all) => all.includes('HTTP/1.1 502'),
  })
  before103 = HINT
  assert.match(text, /HTTP\/1\.1 502 /)
  assert.ok(text.split('HTTP/1.1 103').length < 100)
  assert.equal((await gateway.exchanges()).at(-1)?.how.error, 'upstream-protocol')
})

test('H34: an expectation that is not 100-continue: 417', async () => {
  const text = await sendRaw(
    gateway.port,
    ask('POST /dropped HTTP/1.1', ['Expect: x 100-continue']),
  )
  assert.equal(readAnswer(text).status, 417)
})

test('H34: 100-continue without a body does not hang', async () => {
  const text = await sendRaw(gateway.port, ask('GET /dropped HTTP/1.1', ['Expect: 100-continue']), {
    isAll: isAnswered,
  })
  assert.match(text, /HTTP\/1\.1 200/)
})

test('H35: a client that expects and never sends: 408, and the upstream is let go', async () => {
  asked = ''
  const had = lost
  const fields = ['Expect: 100-continue', 'Content-Length: 3']
  const socket = connect(gateway.port, '127.0.0.1')
  socket.write(ask('POST /waits HTTP/1.1', fields))
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  await once(socket, 'close')
  const text = Buffer.concat(chunks).toString('latin1')
  assert.match(text, /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 408 /)
  await waitFor(() => lost > had)
  assert.equal(lost, had + 1)
  assert.equal((await gateway.exchanges()).at(-1)?.how.error, 'body-timeout')
})
