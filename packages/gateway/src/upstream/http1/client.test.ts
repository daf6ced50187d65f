// What the client does with its connections, against sockets that answer byte for byte.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { after, before, test } from 'node:test'
import { systemClock } from '../../platform/index.ts'
import type { UpstreamFault, UpstreamRequest } from '../types.ts'
import { Http1Client } from './client.ts'

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
const GET: UpstreamRequest = {
  method: 'GET',
  authority: 'x',
  target: '/',
  fields: [],
  bodyBytes: 0,
}

let server: Server
/** What each connection sent, oldest first, and the connections themselves. */
let received: string[] = []
let sockets: Socket[] = []
/** Told of what came on a connection so far; what it returns is sent. */
let reply: (text: string, socket: Socket) => string | undefined = () => OK

before(async () => {
  server = createServer((socket) => {
    const at = received.push('') - 1
    sockets.push(socket)
    socket.on('error', () => undefined)
    socket.setEncoding('latin1')
    socket.on('data', (text: string) => {
      received[at] += text
      const answer = reply(received[at] ?? '', socket)
      if (answer !== undefined) socket.write(answer, 'latin1')
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
})
after(() => {
  for (const socket of sockets) socket.destroy()
  server.close()
})

function open(connectionsMax = 8, idleMs?: number): Http1Client {
  received = []
  sockets = []
  const { port } = server.address() as AddressInfo
  return new Http1Client({
    clock: systemClock(),
    host: '127.0.0.1',
    port,
    connectionsMax,
    connectMs: 30_000,
    ...(idleMs === undefined ? {} : { idleMs }),
  })
}

/** `200 ok`, or the reason of the fault, and whether the upstream can have seen it. */
function ask(client: Http1Client, request: Partial<UpstreamRequest> = {}): Promise<string> {
  return new Promise((resolve) => {
    let seen = ''
    client.call(
      { ...GET, ...request },
      {
        head: (status) => (seen = `${status} `),
        data: (chunk) => (seen += Buffer.from(chunk).toString('latin1')),
        end: () => resolve(seen),
        fault: ({ reason, isUnsent }: UpstreamFault) => {
          resolve(isUnsent ? `${reason}, unsent` : reason)
        },
      },
    )
  })
}

test('a connection is kept, and used by one call after the other', async () => {
  reply = () => OK
  const client = open()
  assert.equal(await ask(client), '200 ok')
  assert.equal(await ask(client), '200 ok')
  assert.equal(received.length, 1)
  await client.destroy()
})

test('never two calls at once on one connection, never more connections than allowed', async () => {
  reply = (_text, socket) => {
    setTimeout(() => socket.write(OK), 20)
    return undefined
  }
  const client = open(2)
  const all = await Promise.all(Array.from({ length: 6 }, () => ask(client)))
  assert.deepEqual(new Set(all), new Set(['200 ok']))
  assert.equal(received.length, 2)
  await client.destroy()
})

const CLOSING: readonly (readonly [string, string, Partial<UpstreamRequest>?])[] = [
  ['says that it closes', `HTTP/1.1 200 OK\r\nConnection: x, close\r\nContent-Length: 2\r\n\r\nok`],
  ['is of HTTP/1.0', 'HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok'],
  ['says when, which is now', OK.replace('\r\n\r\n', '\r\nKeep-Alive: timeout=1\r\n\r\n')],
  ['has bytes behind it, H40', `${OK}HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil`],
  ['has a body for HEAD, H36', OK, { method: 'HEAD' }],
  ['comes before the body was sent, H33', OK, { method: 'POST', bodyBytes: 5 }],
  ['does not switch as was asked', OK, { upgrade: 'websocket' }],
]
const HEADS = [
  ['HEAD', '200 OK\r\nContent-Length: 43', 'HEAD'],
  ['HEAD that says nothing of one', '200 OK', 'HEAD'],
  ['204 with a coding', '204 No Content\r\nTransfer-Encoding: chunked', 'GET'],
  ['204 with a length', '204 No Content\r\nContent-Length: 43', 'GET'],
  ['304 with a length', '304 Not Modified\r\nContent-Length: 43', 'GET'],
] as const
for (const [name, head, method] of HEADS) {
  test(`H36 a body that comes late for ${name} is nobody's answer`, async () => {
    let asked = 0
    reply = (_text, socket) => {
      asked += 1
      if (asked > 1) return received.length > 1 ? OK : undefined
      setTimeout(() => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil'), 20)
      return `HTTP/1.1 ${head}\r\n\r\n`
    }
    const client = open()
    await ask(client, { method })
    assert.equal(await ask(client), '200 ok')
    await client.destroy()
  })
}

for (const [name, answer, request = {}] of CLOSING) {
  test(`an answer that ${name} is the last of its connection`, async () => {
    reply = () => answer
    const client = open()
    assert.equal(await ask(client, request), request.method === 'HEAD' ? '200 ' : '200 ok')
    reply = () => OK
    assert.equal(await ask(client), '200 ok')
    assert.equal(received.length, 2)
    await client.destroy()
  })
}

/** The other side has let go of it. */
async function closed(socket: Socket | undefined): Promise<void> {
  if (socket !== undefined && !socket.destroyed) await once(socket, 'close')
}

test('H40 an idle connection that says something is closed and never used again', async () => {
  reply = () => OK
  const client = open()
  await ask(client)
  sockets[0]?.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil')
  await closed(sockets[0])
  assert.equal(await ask(client), '200 ok')
  assert.equal(received.length, 2)
  await client.destroy()
})

test('an idle connection that ends is not used again', async () => {
  reply = () => OK
  const client = open()
  await ask(client)
  sockets[0]?.end()
  await closed(sockets[0])
  assert.equal(await ask(client), '200 ok')
  assert.equal(received.length, 2)
  await client.destroy()
})

test('an idle connection is closed in time', async () => {
  reply = () => OK
  const client = open(8, 500)
  await ask(client)
  const [socket] = sockets
  assert.ok(socket !== undefined)
  socket.resume()
  await once(socket, 'end')
  await client.close()
})

test('a connection that breaks under a call is a fault, and nothing is asked twice', async () => {
  const client = open()
  reply = () => OK
  await ask(client)
  reply = (_text, socket) => {
    socket.destroy()
    return undefined
  }
  assert.equal(await ask(client), 'upstream-aborted')
  assert.equal(received.join('').split('GET /').length - 1, 2)
  await client.destroy()
})

test('H39 a head of a thousand lines is one, and with one more it is none', async () => {
  const client = open()
  for (const [lines, want] of [
    [999, '200 ok'],
    [1000, 'upstream-protocol'],
  ] as const) {
    reply = () => OK.replace('\r\n\r\n', `\r\n${'a:\r\n'.repeat(lines)}\r\n`)
    assert.equal(await ask(client), want)
  }
  await client.destroy()
})

test('nobody there: certainly unsent', async () => {
  const client = new Http1Client({
    clock: systemClock(),
    host: '127.0.0.1',
    port: 1,
    connectionsMax: 1,
    connectMs: 1000,
  })
  assert.equal(await ask(client), 'upstream-unreachable, unsent')
  await client.destroy()
})

test('what would end a line early is never sent', async () => {
  const client = open()
  for (const request of [
    { fields: [['x', 'a\r\nEvil: 1']] },
    { fields: [['x', 'a\u0a0d']] },
    { fields: [['x\r\nEvil', 'a']] },
    { target: '/ HTTP/1.1\r\nEvil: 1' },
    { authority: 'a\r\nEvil: 1' },
    { method: 'GET /' },
    { upgrade: 'x\r\nEvil: 1' },
  ] as const) {
    assert.equal(await ask(client, request), 'internal-error, unsent')
  }
  assert.equal(received.length, 0)
  await client.destroy()
})

for (const [name, bodyBytes, want] of [
  ['of known length', 6, 'content-length: 6\r\n\r\nabcdef'],
  ['of unknown length', undefined, 'chunked\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n'],
] as const) {
  test(`a body ${name} is framed once`, async () => {
    reply = (text) => (text.endsWith(want) ? OK : undefined)
    const client = open()
    const answered = new Promise((resolve, reject) => {
      const call = client.call(
        { ...GET, method: 'POST', bodyBytes },
        { head: resolve, data: () => undefined, end: () => undefined, fault: reject },
      )
      call.write(Buffer.from('abc'))
      call.write(Buffer.from('def'))
      call.end()
    })
    assert.equal(await answered, 200)
    await client.destroy()
  })
}

for (const [name, bytes] of [
  ['more', 'abcdefg'],
  ['less', 'abc'],
] as const) {
  test(`${name} than was announced breaks the connection`, async () => {
    reply = () => undefined
    const client = open()
    const fault = new Promise<string>((resolve) => {
      const call = client.call(
        { ...GET, method: 'POST', bodyBytes: 6 },
        {
          head: () => undefined,
          data: () => undefined,
          end: () => undefined,
          fault: ({ reason }) => resolve(reason),
        },
      )
      call.write(Buffer.from(bytes))
      call.end()
    })
    assert.equal(await fault, 'internal-error')
    await client.destroy()
  })
}
