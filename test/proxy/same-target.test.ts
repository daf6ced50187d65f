// What is asked again of the only target there is, on another connection, as the record tells it.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer as createHttp2, type ServerHttp2Stream } from 'node:http2'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { after, before, beforeEach, describe, test } from 'node:test'
import { startGateway, type TestGateway } from './gateway.ts'
import { readAnswer, sendRaw } from './raw-client.ts'

const [NO_ERROR, REFUSED_STREAM] = [0, 7]
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

async function urlOf(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

describe('the only target', () => {
  let gateway: TestGateway
  /** Of HTTP/1.1: what becomes of each request, and on which connection it came. */
  let kept: (socket: Socket, nth: number) => void
  let streamed: (stream: ServerHttp2Stream, connection: number) => void
  let seen: number[] = []
  const sockets = new Set<Socket>()
  let connections = 0
  const plain = createServer((socket) => {
    connections += 1
    const connection = connections
    let nth = 0
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('data', () => {
      nth += 1
      seen.push(connection)
      kept(socket, nth)
    })
  })
  const http2 = createHttp2()

  before(async () => {
    http2.on('session', (session) => {
      connections += 1
      const connection = connections
      session.on('error', () => undefined)
      session.on('stream', (stream) => {
        seen.push(connection)
        stream.on('error', () => undefined)
        streamed(stream, connection)
      })
    })
    http2.on('connection', (socket: Socket) => sockets.add(socket))
    gateway = await startGateway({
      upstream: await urlOf(plain),
      upstreams: { h2: { url: await urlOf(http2), protocol: 'h2' } },
      routes: [
        { name: 'h2', path: '/h2', upstream: 'h2' },
        { name: 'always', path: '/always', upstream: 'upstream', retry: 'always' },
        { name: 'never', path: '/never', upstream: 'upstream', retry: 'never' },
        { name: 'h1', path: '/', upstream: 'upstream' },
      ],
    })
  })
  beforeEach(() => {
    for (const socket of sockets) socket.destroy()
    sockets.clear()
    seen = []
    connections = 0
  })
  after(async () => {
    await gateway.close()
    for (const socket of sockets) socket.destroy()
    plain.close()
    http2.close()
  })

  async function ask(line: string, body?: string) {
    const length = body === undefined ? '' : `Content-Length: ${body.length}\r\n`
    const key = `Host: a\r\nAuthorization: Bearer ${gateway.keys.ada}\r\n`
    const text = await sendRaw(gateway.port, `${line} HTTP/1.1\r\n${key}${length}\r\n${body ?? ''}`)
    const outcome = (await gateway.exchanges()).findLast(({ kind }) => kind === 'outcome')
    const { attempts, failed } = outcome?.via ?? {}
    return [readAnswer(text).status, attempts, ...(failed ?? []).map(({ fault }) => fault)]
  }

  const broken = 'upstream-aborted'
  for (const [what, line, body, expected, connectionsSeen] of [
    ['a GET is asked again', 'GET /x', undefined, [200, 2, broken], [1, 1, 2]],
    ['a POST is not', 'POST /x', '', [502, 1], [1, 1]],
    ['a POST is where the route says so', 'POST /always', '', [200, 2, broken], [1, 1, 2]],
    ['a PUT whose body was sent is not', 'PUT /x', 'x', [502, 1], [1, 1]],
    ['a GET is not where the route says so', 'GET /never', undefined, [502, 1], [1, 1]],
  ] as const) {
    test(`that closes a kept connection as a request comes: ${what}`, async () => {
      kept = (socket, nth) => (nth === 1 ? void socket.write(OK) : void socket.destroy())
      await ask('GET /x')
      assert.deepEqual(await ask(line, body), expected)
      assert.deepEqual(seen, connectionsSeen)
    })
  }

  for (const [what, close] of [
    ['a new connection', (socket: Socket, nth: number) => nth > 0 && socket.destroy()],
    [
      'a kept one within a head',
      (socket: Socket, nth: number) => {
        if (nth === 1) socket.write(OK)
        else socket.write('HTTP/1.1 200', () => socket.destroy())
      },
    ],
  ] as const) {
    test(`that closes ${what} is not asked again`, async () => {
      kept = close
      if (what !== 'a new connection') await ask('GET /x')
      assert.deepEqual(await ask('GET /x'), [502, 1])
    })
  }

  test('that closes every kept connection is asked again once, on a new one', async () => {
    kept = (socket) => void socket.write(OK)
    const many = await Promise.all([ask('GET /x'), ask('GET /x'), ask('GET /x')])
    assert.ok(many.every(([status]) => status === 200))
    const before = connections
    kept = (socket, nth) => (nth > 1 ? void socket.destroy() : void socket.write(OK))
    assert.deepEqual((await ask('GET /x')).slice(0, 2), [200, 2])
    assert.equal(connections, before + 1)
  })

  const goaway = (stream: ServerHttp2Stream, connection: number): void => {
    if (connection > 1 || stream.id === 1) stream.respond({ ':status': 200 }, { endStream: true })
    else stream.session?.goaway(NO_ERROR, 1)
  }
  for (const line of ['GET /h2', 'POST /h2']) {
    test(`that leaves a stream out with GOAWAY is asked again: ${line}`, async () => {
      streamed = goaway
      await ask('GET /h2')
      assert.deepEqual(await ask(line, ''), [200, 2, broken])
      assert.deepEqual(seen, [1, 1, 2])
    })
  }

  test('that refuses a stream is asked again, on another connection', async () => {
    streamed = (stream, connection) => {
      if (connection === 1) stream.close(REFUSED_STREAM)
      else stream.respond({ ':status': 200 }, { endStream: true })
    }
    assert.deepEqual(await ask('POST /h2', ''), [200, 2, broken])
    assert.deepEqual(seen, [1, 2])
  })

  test('that refuses a stream is not sent a body twice', async () => {
    streamed = (stream) => {
      stream.once('data', () => stream.close(REFUSED_STREAM))
    }
    assert.deepEqual(await ask('POST /h2', 'x'), [502, 1])
    assert.equal(seen.length, 1)
  })

  test('that refuses every stream gets two connections, and no more', async () => {
    streamed = (stream) => stream.close(REFUSED_STREAM)
    for (let at = 0; at < 4; at += 1) assert.deepEqual(await ask('GET /h2'), [502, 2, broken])
    assert.equal(connections, 2)
  })
})
