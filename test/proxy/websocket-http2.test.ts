// WebSockets on streams of HTTP/2 (RFC 8441): the client of node:http2, the framing of `ws` on it.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type IncomingHttpHeaders,
} from 'node:http2'
import type { AddressInfo } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { type RawData, WebSocket, WebSocketServer } from 'ws'
import { waitFor } from '../demo-process.ts'
import { need } from '../needs.ts'
import { type Authority, makeAuthority } from './certificates.ts'
import { type GatewayOptions, type RecordView, startGateway, type TestGateway } from './gateway.ts'

const skip = need('openssl', { command: 'openssl', install: 'apt-get install openssl' })
const ROUTE = { name: 'chat', path: '/chat', upstream: 'upstream', upgrade: 'websocket' }
const TAKEN = [
  { ...ROUTE, websocket: { http2: 'taken' } },
  { ...ROUTE, name: 'first', path: '/first' },
  { name: 'plain', path: '/plain', upstream: 'upstream' },
]

let authority: Authority
let server: WebSocketServer

before(async () => {
  if (skip !== false) return
  authority = makeAuthority()
  server = new WebSocketServer({
    port: 0,
    host: '127.0.0.1',
    handleProtocols: (offered) => [...offered][0] ?? false,
  })
  server.on('connection', (socket) => {
    socket.on('error', () => undefined)
    socket.on('message', (data, isBinary) => {
      const [verb, code = '', reason = ''] = isBinary ? [] : String(data as Buffer).split(':')
      if (verb === 'close') socket.close(Number(code), reason)
      else if (verb === 'die') socket.terminate()
      else socket.send(data, { binary: isBinary })
    })
  })
  await once(server, 'listening')
})
after(() => {
  for (const socket of server?.clients ?? []) socket.terminate()
  server?.close()
  authority?.remove()
})

interface Stage {
  readonly gateway: TestGateway
  readonly session: ClientHttp2Session
  /** Asks for a WebSocket; what is undefined in `more` is left out. */
  readonly open: (more?: Record<string, string | undefined>, end?: boolean) => ClientHttp2Stream
  readonly ended: (kind?: string) => Promise<RecordView>
}

async function withGateway(
  options: Partial<GatewayOptions>,
  run: (stage: Stage) => Promise<void>,
): Promise<void> {
  const { port } = server.address() as AddressInfo
  const gateway = await startGateway({
    upstream: `http://127.0.0.1:${port}`,
    certificate: authority.issue(['127.0.0.1', 'localhost']),
    routes: TAKEN,
    ...options,
  })
  const session = connect(`https://localhost:${gateway.tlsPort}`, { ca: authority.pem })
  session.on('error', () => undefined)
  try {
    await once(session, 'remoteSettings')
    await run({
      gateway,
      session,
      open: (more = {}, end = false) => {
        const all = {
          ':method': 'CONNECT',
          ':protocol': 'websocket',
          ':path': '/chat',
          ':scheme': 'https',
          ':authority': `localhost:${gateway.tlsPort}`,
          'sec-websocket-version': '13',
          authorization: `Bearer ${gateway.keys.ada}`,
          ...more,
        }
        const known = Object.entries(all).filter(([, value]) => value !== undefined)
        const stream = session.request(Object.fromEntries(known), { endStream: end })
        stream.on('error', () => undefined)
        return stream
      },
      ended: async (kind = 'outcome') => {
        const find = async (): Promise<RecordView | undefined> =>
          (await gateway.exchanges()).findLast((record) => record.kind === kind)
        await waitFor(async () => (await find()) !== undefined)
        const found = await find()
        assert.ok(found !== undefined)
        return found
      },
    })
  } finally {
    session.destroy()
    await gateway.close()
  }
}

async function answered(stream: ClientHttp2Stream): Promise<IncomingHttpHeaders> {
  const [headers] = (await once(stream, 'response')) as [IncomingHttpHeaders]
  return headers
}

/** What `ws` makes of a connection, as a client, of a stream that is one already. */
function webSocketOn(stream: ClientHttp2Stream): WebSocket {
  const nobody: unknown = null
  const made = { autoPong: true, closeTimeout: 30_000 }
  const socket = new WebSocket(nobody as string, undefined, made)
  Reflect.set(socket, '_isServer', false)
  const setSocket: unknown = Reflect.get(socket, 'setSocket')
  assert.ok(typeof setSocket === 'function')
  const options = { allowSynchronousEvents: true, maxPayload: 1 << 24, skipUTF8Validation: false }
  setSocket.call(socket, stream, Buffer.alloc(0), options)
  socket.on('error', () => undefined)
  return socket
}

describe('a WebSocket on a stream of HTTP/2', { skip }, () => {
  test('echoes text and binary; its record is that of any WebSocket', async () => {
    await withGateway({}, async ({ gateway, session, open, ended }) => {
      assert.equal(session.remoteSettings.enableConnectProtocol, true)
      const stream = open({ 'sec-websocket-protocol': 'chat.v1, chat.v2' })
      const headers = await answered(stream)
      assert.equal(headers[':status'], 200)
      assert.equal(headers['sec-websocket-protocol'], 'chat.v1')
      assert.match(String(headers['countersign-receipt']), /index=/)
      for (const name of ['sec-websocket-accept', 'connection', 'upgrade']) {
        assert.equal(headers[name], undefined, name)
      }
      const socket = webSocketOn(stream)
      socket.send('hello')
      assert.equal(String((await once(socket, 'message'))[0]), 'hello')
      const large = Buffer.alloc(3_000_000, 7)
      socket.send(large)
      const [echoed] = (await once(socket, 'message')) as [RawData]
      assert.deepEqual(echoed, large)
      socket.ping('are you there')
      assert.equal(String((await once(socket, 'pong'))[0]), 'are you there')
      socket.close(4001, 'done here')
      const [code, reason] = (await once(socket, 'close')) as [number, Buffer]
      assert.deepEqual([code, String(reason)], [4001, 'done here'])
      const { how } = await ended()
      assert.deepEqual([how.ended, how.status], ['released', 200])
      assert.deepEqual(how.messages, { request: 2, response: 2 })
      assert.deepEqual(how.close, { code: 4001, by: 'client' })
      const { what } = await ended('intent')
      assert.deepEqual([what.method, what.protocol, what.path], ['GET', 'HTTP/2', '/chat'])
      const others = session.request({
        ':path': '/plain',
        authorization: `Bearer ${gateway.keys.ada}`,
      })
      others.resume()
      assert.equal((await answered(others))[':status'], 426, 'the connection serves on')
    })
  })

  test('is closed by the upstream with its code, and many go on at once', async () => {
    await withGateway({}, async ({ open }) => {
      const closings = Array.from({ length: 20 }, async (_, nth) => {
        const stream = open()
        await answered(stream)
        const socket = webSocketOn(stream)
        socket.send(`close:${4000 + nth}:enough`)
        const [code] = (await once(socket, 'close')) as [number]
        assert.equal(code, 4000 + nth)
      })
      await Promise.all(closings)
    })
  })

  test('that the client breaks off has ended as client-aborted', async () => {
    await withGateway({}, async ({ open, ended }) => {
      const stream = open()
      await answered(stream)
      stream.close(constants.NGHTTP2_CANCEL)
      const { how } = await ended()
      assert.deepEqual([how.ended, how.error], ['client-aborted', 'client-aborted'])
    })
  })

  test('whose upstream breaks off is reset with CANCEL', async () => {
    await withGateway({}, async ({ open, ended }) => {
      const stream = open()
      await answered(stream)
      stream.write(Buffer.concat([Buffer.of(0x81, 0x83, 0, 0, 0, 0), Buffer.from('die')]))
      await waitFor(() => stream.closed)
      assert.equal(stream.rstCode, constants.NGHTTP2_CANCEL)
      assert.equal((await ended()).how.ended, 'upstream-aborted')
    })
  })

  test('with a frame that breaks the protocol is closed with 1002', async () => {
    await withGateway({}, async ({ open, ended }) => {
      const stream = open()
      await answered(stream)
      // Not masked, as a client's frames have to be.
      stream.write(Buffer.of(0x81, 1, 0x61))
      const [frame] = (await once(stream, 'data')) as [Buffer]
      assert.deepEqual([frame[0], frame.readUInt16BE(2)], [0x88, 1002])
      assert.equal((await ended()).how.error, 'malformed-frame')
    })
  })

  test('ends with the gateway, or with a quarantine, as any other', async () => {
    await withGateway({ limits: { stopMs: 50 } }, async ({ gateway, open }) => {
      const stream = open()
      await answered(stream)
      const closed = once(webSocketOn(stream), 'close') as Promise<[number]>
      const stopping = gateway.close()
      assert.equal((await closed)[0], 1001)
      await stopping
    })
  })

  for (const [what, more, end, status, reason] of [
    [
      'a route that takes them over HTTP/1.1 only',
      { ':path': '/first' },
      false,
      501,
      'upgrade-refused',
    ],
    ['a route without WebSockets', { ':path': '/plain' }, false, 501, 'upgrade-refused'],
    ['another protocol', { ':protocol': 'connect-udp' }, false, 501, 'upgrade-refused'],
    ['no version', { 'sec-websocket-version': undefined }, false, 400, 'handshake-malformed'],
    ['another version', { 'sec-websocket-version': '8' }, false, 426, 'websocket-version'],
    ['a length', { 'content-length': '5' }, false, 400, 'handshake-malformed'],
    ['a stream that has ended', {}, true, 400, 'handshake-malformed'],
    ['no key', { authorization: undefined }, false, 401, 'credentials-missing'],
    [
      'a page of somebody else, with a cookie',
      { origin: 'https://evil.example', cookie: 'a=b' },
      false,
      403,
      'origin-refused',
    ],
    [
      'a subprotocol twice',
      { 'sec-websocket-protocol': 'a, a' },
      false,
      400,
      'handshake-malformed',
    ],
  ] as const) {
    test(`is not opened: ${what}`, async () => {
      await withGateway({}, async ({ open, ended }) => {
        const stream = open(more, end)
        stream.resume()
        assert.equal((await answered(stream))[':status'], status)
        assert.equal((await ended('refusal')).why.reason, reason)
      })
    })
  }

  for (const [status, answer, reason] of [
    [200, 502, 'upstream-protocol'],
    [204, 502, 'upstream-protocol'],
    [403, 403, undefined],
    [302, 302, undefined],
  ] as const) {
    test(`gets ${answer} where the upstream answers ${status}: a 2xx is a WebSocket`, async () => {
      const plain = createServer()
      plain.on('upgrade', (_request, socket) => {
        const length = status === 204 ? '' : 'content-length: 2\r\n'
        socket.end(`HTTP/1.1 ${status} Plain\r\n${length}\r\n${status === 204 ? '' : 'ok'}`)
      })
      plain.listen(0, '127.0.0.1')
      await once(plain, 'listening')
      const { port } = plain.address() as AddressInfo
      await withGateway({ upstream: `http://127.0.0.1:${port}` }, async ({ open, ended }) => {
        const stream = open()
        stream.resume()
        assert.equal((await answered(stream))[':status'], answer)
        const { how } = await ended()
        assert.deepEqual([how.status, how.error], [answer, reason])
      })
      plain.close()
    })
  }

  test('H133 nothing is offered where no route takes any, and CONNECT stays refused', async () => {
    await withGateway({ routes: [ROUTE] }, async ({ session, open }) => {
      assert.equal(session.remoteSettings.enableConnectProtocol, false)
      const refused = open()
      await waitFor(() => refused.closed)
      assert.equal(refused.rstCode, constants.NGHTTP2_PROTOCOL_ERROR)
      const tunnel = session.request({ ':method': 'CONNECT', ':authority': 'localhost:1' })
      tunnel.on('error', () => undefined)
      tunnel.resume()
      assert.equal((await answered(tunnel))[':status'], 405)
    })
  })
})
