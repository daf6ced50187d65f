// The opening of a WebSocket byte by byte: what is refused, what an upstream may answer, and what
// becomes of bytes that come too early.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { after, afterEach, before, beforeEach, test } from 'node:test'
import { waitFor } from '../demo-process.ts'
import { type RecordView, startGateway, type TestGateway } from './gateway.ts'
import { readAnswer, sendRaw } from './raw-client.ts'

const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='
const ACCEPT = createHash('sha1')
  .update(`${KEY}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
  .digest('base64')
const ROUTES = [
  { name: 'chat', path: '/chat', upstream: 'upstream', upgrade: 'websocket' },
  {
    name: 'named',
    path: '/named',
    upstream: 'upstream',
    upgrade: 'websocket',
    websocket: { origins: ['https://app.example'] },
  },
  { name: 'plain', path: '/plain', upstream: 'upstream' },
]
const OPENING = [
  'Upgrade: websocket',
  'Connection: Upgrade',
  'Sec-WebSocket-Version: 13',
  `Sec-WebSocket-Key: ${KEY}`,
]
const SWITCHING = [
  'HTTP/1.1 101 Switching Protocols',
  'Upgrade: websocket',
  'Connection: Upgrade',
  `Sec-WebSocket-Accept: ${ACCEPT}`,
]

/** An upstream that answers each request with what the test says, and keeps what it read. */
let upstream: Server
let answer: readonly string[] = SWITCHING
let asked = ''
const sockets = new Set<Socket>()
let gateway: TestGateway

before(async () => {
  upstream = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    let isAnswered = false
    socket.on('data', (chunk) => {
      asked += chunk.toString('latin1')
      if (isAnswered && answer[0]?.includes('101')) return
      isAnswered = true
      setTimeout(() => socket.write(`${answer.join('\r\n')}\r\n\r\n`), 30)
    })
  })
  upstream.listen(0, '127.0.0.1')
  await once(upstream, 'listening')
})
after(() => {
  for (const socket of sockets) socket.destroy()
  upstream.close()
})
beforeEach(async () => {
  answer = SWITCHING
  asked = ''
  const { port } = upstream.address() as AddressInfo
  const limits = { earlyBytesMax: 64, closeMs: 50, stopMs: 100 }
  gateway = await startGateway({ upstream: `http://127.0.0.1:${port}`, routes: ROUTES, limits })
})
afterEach(() => gateway.close())

interface Change {
  readonly line?: string
  readonly without?: string
  readonly fields?: readonly string[]
  readonly body?: string
}

function ask({
  line = 'GET /chat HTTP/1.1',
  without,
  fields = [],
  body = '',
}: Change = {}): string {
  const opening = OPENING.filter((each) => without === undefined || !each.startsWith(without))
  const key = `Authorization: Bearer ${gateway.keys.ada}`
  return [line, 'Host: a.example', key, ...opening, ...fields, '', body].join('\r\n')
}

async function last(): Promise<RecordView | undefined> {
  return (await gateway.exchanges()).at(-1)
}

test('H101: a handshake as it should be reaches the upstream, and its 101 the client', async () => {
  const text = await sendRaw(gateway.port, ask(), { isAll: (all) => all.includes('\r\n\r\n') })
  const { status, headers } = readAnswer(text)
  assert.equal(status, 101)
  assert.equal(headers['sec-websocket-accept'], ACCEPT)
  assert.equal(headers.upgrade, 'websocket')
  assert.match(headers['countersign-receipt'] ?? '', /epoch=1/)
  assert.match(asked, /\r\nsec-websocket-key: dGhl/i)
  assert.equal(asked.match(/\r\nupgrade: websocket/gi)?.length, 1)
})

for (const [change, status, reason, name] of [
  [{ without: 'Sec-WebSocket-Key' }, 400, 'handshake-malformed', 'no key'],
  [{ fields: [`Sec-WebSocket-Key: ${KEY}`] }, 400, 'handshake-malformed', 'two keys'],
  [
    { without: 'Sec-WebSocket-Key', fields: ['Sec-WebSocket-Key: c2hvcnQ='] },
    400,
    'handshake-malformed',
    'a key of too few bytes',
  ],
  [{ without: 'Sec-WebSocket-Version' }, 400, 'handshake-malformed', 'no version'],
  [
    { without: 'Sec-WebSocket-Version', fields: ['Sec-WebSocket-Version: 8'] },
    426,
    'websocket-version',
    'another version',
  ],
  [{ line: 'POST /chat HTTP/1.1' }, 400, 'handshake-malformed', 'another method'],
  [{ fields: ['Content-Length: 3'], body: 'abc' }, 400, 'handshake-malformed', 'a body'],
  [
    { fields: ['Sec-WebSocket-Protocol: a, b, a'] },
    400,
    'handshake-malformed',
    'a subprotocol twice',
  ],
  [
    { line: 'GET /plain HTTP/1.1' },
    501,
    'upgrade-refused',
    'a route that lets nothing change protocols',
  ],
  [
    { without: 'Upgrade', fields: ['Upgrade: h2c', 'HTTP2-Settings: AAMAAABk'] },
    501,
    'upgrade-refused',
    'H104, HTTP/2',
  ],
  [
    { without: 'Upgrade', fields: ['Upgrade: WebSocket, h2c'] },
    501,
    'upgrade-refused',
    'one of two protocols',
  ],
  [
    { fields: ['Cookie: sid=1', 'Origin: https://evil.example'] },
    403,
    'origin-refused',
    'H106, a page of another site, with cookies',
  ],
  [
    { line: 'GET /named HTTP/1.1', fields: ['Origin: https://evil.example'] },
    403,
    'origin-refused',
    'a page that the route does not name, without cookies',
  ],
  [
    { fields: ['Origin: https://a', 'Origin: https://b'] },
    400,
    'handshake-malformed',
    'two origins',
  ],
] as const) {
  test(`${name}: ${status} ${reason}, and the upstream is not asked`, async () => {
    const { status: got, headers } = readAnswer(await sendRaw(gateway.port, ask(change)))
    assert.equal(got, status)
    assert.equal(headers['sec-websocket-version'], status === 426 ? '13' : undefined)
    assert.equal((await last())?.why.reason, reason)
    assert.equal(asked, '')
  })
}

for (const [change, name] of [
  [
    { fields: ['Cookie: sid=1', 'Origin: http://a.example'] },
    'a page of this origin, with cookies',
  ],
  [{ fields: ['Origin: https://other.example'] }, 'a page of another site that has no cookies'],
  [
    { line: 'GET /named HTTP/1.1', fields: ['Cookie: sid=1', 'Origin: https://app.example'] },
    'a page that the route names',
  ],
] as const) {
  test(`${name}: 101`, async () => {
    const isAll = (all: string): boolean => all.includes('\r\n\r\n')
    assert.equal(readAnswer(await sendRaw(gateway.port, ask(change), { isAll })).status, 101)
  })
}

for (const [lines, name] of [
  [SWITCHING.slice(0, 3), 'no Sec-WebSocket-Accept'],
  [[...SWITCHING.slice(0, 3), 'Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA='], 'a wrong one'],
  [[...SWITCHING, `Sec-WebSocket-Accept: ${ACCEPT}`], 'two'],
  [[...SWITCHING, 'Sec-WebSocket-Protocol: chat'], 'a subprotocol nobody offered'],
  [[...SWITCHING, 'Sec-WebSocket-Extensions: permessage-deflate'], 'an extension nobody offered'],
  [['HTTP/1.1 101 OK', 'Upgrade: h2c', 'Connection: Upgrade', SWITCHING[3] ?? ''], 'h2c instead'],
] as const) {
  test(`H102: an upstream that says 101 with ${name}: 502, and nothing is switched`, async () => {
    answer = lines
    assert.equal(readAnswer(await sendRaw(gateway.port, ask())).status, 502)
    const outcome = await last()
    assert.deepEqual([outcome?.kind, outcome?.how.error], ['outcome', 'upstream-protocol'])
  })
}

for (const status of ['200 OK', '426 Upgrade Required']) {
  test(`H103: an upstream that answers ${status}: the connection stays HTTP`, async () => {
    answer = [`HTTP/1.1 ${status}`, 'Content-Length: 0']
    const socket = connect(gateway.port, '127.0.0.1')
    for (let round = 0; round < 3; round += 1) {
      socket.write(ask())
      const [chunk] = (await once(socket, 'data')) as [Buffer]
      assert.equal(readAnswer(String(chunk)).status, Number(status.slice(0, 3)), `round ${round}`)
    }
    socket.write(ask({ line: 'GET /plain HTTP/1.1', without: 'Upgrade' }))
    const [chunk] = (await once(socket, 'data')) as [Buffer]
    assert.equal(readAnswer(String(chunk)).status, Number(status.slice(0, 3)))
    socket.destroy()
    const kinds = (await gateway.exchanges()).map(({ kind }) => kind)
    assert.deepEqual(kinds, Array(4).fill(['intent', 'outcome']).flat())
  })
}

const SMUGGLED = 'GET /plain/smuggled HTTP/1.1\r\nHost: a.example\r\n\r\n'

test('H102: bytes before an answer that is no 101 are never read as a request', async () => {
  answer = ['HTTP/1.1 200 OK', 'Content-Length: 0']
  const text = await sendRaw(gateway.port, ask() + SMUGGLED)
  assert.equal(readAnswer(text).status, 200)
  assert.equal(readAnswer(text).headers.connection, 'close')
  assert.equal(text.match(/HTTP\/1\.1 /g)?.length, 1)
  assert.equal((await gateway.exchanges()).length, 2)
  assert.ok(!asked.includes('smuggled'))
})

test('H102: bytes before the 101 are for the new protocol alone, and must be frames', async () => {
  const isAll = (): boolean => false
  const text = await sendRaw(gateway.port, ask() + SMUGGLED.slice(0, 60), { isAll })
  assert.match(text, /^HTTP\/1\.1 101 /)
  assert.ok(!asked.includes('smuggled'))
  const outcome = await last()
  assert.equal(outcome?.how.error, 'malformed-frame')
  assert.deepEqual(outcome?.how.close, { code: 1002, by: 'gateway' })
})

test('a frame before the 101 reaches the upstream, and so does one after it', async () => {
  const frame = Buffer.from('81810102030460', 'hex')
  const socket = connect(gateway.port, '127.0.0.1')
  socket.write(Buffer.concat([Buffer.from(ask(), 'latin1'), frame]))
  await once(socket, 'data')
  socket.write(frame)
  const both = frame.toString('latin1').repeat(2)
  await waitFor(() => asked.endsWith(both))
  socket.destroy()
})

test('more bytes before the 101 than may wait: refused', async () => {
  answer = []
  await sendRaw(gateway.port, ask() + 'x'.repeat(100))
  const outcome = await last()
  assert.equal(outcome?.how.error ?? outcome?.why.reason, 'handshake-malformed')
})
