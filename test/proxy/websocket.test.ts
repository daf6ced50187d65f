// WebSockets through the gateway: the client and the server of `ws`, real sockets between.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { type ClientOptions, type RawData, WebSocket, WebSocketServer } from 'ws'
import { waitFor } from '../demo-process.ts'
import { type GatewayOptions, type RecordView, startGateway, type TestGateway } from './gateway.ts'

const ROUTES = [{ name: 'chat', path: '/chat', upstream: 'upstream', upgrade: 'websocket' }]

/** Echoes; `close:<code>:<reason>` closes, `push:<n>` sends so many, `die` breaks off. */
function startServer(): WebSocketServer {
  const server = new WebSocketServer({
    port: 0,
    host: '127.0.0.1',
    perMessageDeflate: true,
    handleProtocols: (offered) => [...offered][0] ?? false,
  })
  server.on('connection', (socket) => {
    socket.on('error', () => undefined)
    socket.on('message', (data, isBinary) => {
      const [verb, code = '', reason = ''] = isBinary ? [] : text(data).split(':')
      if (verb === 'close') socket.close(Number(code), reason)
      else if (verb === 'die') socket.terminate()
      else if (verb === 'push') for (let nth = 0; nth < Number(code); nth += 1) socket.send('x')
      else socket.send(data, { binary: isBinary })
    })
  })
  return server
}

function text(data: RawData): string {
  return Buffer.isBuffer(data) ? data.toString() : ''
}

let server: WebSocketServer

before(async () => {
  server = startServer()
  await once(server, 'listening')
})
after(() => {
  for (const socket of server.clients) socket.terminate()
  server.close()
})

interface Stage {
  readonly gateway: TestGateway
  readonly open: (options?: ClientOptions, protocols?: string[]) => WebSocket
  readonly ended: () => Promise<RecordView>
}

async function withGateway(
  options: Partial<GatewayOptions>,
  run: (stage: Stage) => Promise<void>,
): Promise<void> {
  const { port } = server.address() as AddressInfo
  const gateway = await startGateway({
    upstream: `http://127.0.0.1:${port}`,
    routes: ROUTES,
    ...options,
  })
  try {
    await run({
      gateway,
      open: ({ headers, ...more } = {}, protocols = []) => {
        const authorization = `Bearer ${gateway.keys.ada}`
        const all = { ...more, headers: { authorization, ...headers } }
        return new WebSocket(`ws://127.0.0.1:${gateway.port}/chat`, protocols, all)
      },
      ended: () => outcomeOf(gateway),
    })
  } finally {
    await gateway.close()
  }
}

async function outcomeOf(gateway: TestGateway): Promise<RecordView> {
  let found: RecordView | undefined
  await waitFor(async () => {
    found = (await gateway.exchanges()).find(({ kind }) => kind === 'outcome')
    return found !== undefined
  })
  return found ?? assert.fail('no outcome')
}

describe('a WebSocket', () => {
  test('echoes text and binary, and its record has what went through', async () => {
    await withGateway({}, async ({ gateway, open, ended }) => {
      const socket = open({}, ['chat.v1', 'chat.v2'])
      await once(socket, 'open')
      assert.equal(socket.protocol, 'chat.v1')
      const [intent] = await gateway.exchanges()
      assert.equal(intent?.kind, 'intent')
      socket.send('hello')
      assert.equal(String((await once(socket, 'message'))[0]), 'hello')
      const large = Buffer.alloc(300_000, 7)
      socket.send(large)
      const [echoed] = (await once(socket, 'message')) as [Buffer]
      assert.deepEqual(echoed, large)
      socket.close(4001, 'done here')
      const [code, reason] = (await once(socket, 'close')) as [number, Buffer]
      assert.deepEqual([code, String(reason)], [4001, 'done here'])
      const outcome = await ended()
      assert.equal(outcome.how.ended, 'released')
      assert.equal(outcome.how.status, 101)
      assert.deepEqual(outcome.how.messages, { request: 2, response: 2 })
      assert.deepEqual(outcome.how.close, { code: 4001, by: 'client' })
      assert.ok((outcome.how.request?.bytes ?? 0) > 300_000)
      assert.match(outcome.how.response?.sha256 ?? '', /^[0-9a-f]{64}$/)
    })
  })

  test('the close code and reason of the upstream arrive, and its answer goes back', async () => {
    await withGateway({}, async ({ open, ended }) => {
      const seen = once(server, 'connection') as Promise<[WebSocket]>
      const socket = open()
      await once(socket, 'open')
      const [peer] = await seen
      const answered = once(peer, 'close')
      socket.send('close:4999:enough')
      const [code, reason] = (await once(socket, 'close')) as [number, Buffer]
      assert.deepEqual([code, String(reason)], [4999, 'enough'])
      assert.equal((await answered)[0], 4999)
      assert.deepEqual((await ended()).how.close, { code: 4999, by: 'upstream' })
    })
  })

  test('pings and pongs pass both ways', async () => {
    await withGateway({}, async ({ open }) => {
      const seen = once(server, 'connection') as Promise<[WebSocket]>
      const socket = open()
      await once(socket, 'open')
      const [peer] = await seen
      socket.ping('are you there')
      assert.equal(String((await once(socket, 'pong'))[0]), 'are you there')
      peer.ping('and you')
      assert.equal(String((await once(peer, 'pong'))[0]), 'and you')
      socket.terminate()
    })
  })

  for (const [who, ended, sent] of [
    ['client', 'client-aborted', undefined],
    ['upstream', 'upstream-aborted', 'die'],
  ] as const) {
    test(`the ${who} vanishes: the other side sees it, the record says ${ended}`, async () => {
      await withGateway({}, async (stage) => {
        const seen = once(server, 'connection') as Promise<[WebSocket]>
        const socket = stage.open()
        await once(socket, 'open')
        const [peer] = await seen
        const other = who === 'client' ? peer : socket
        const closed = once(other, 'close')
        if (sent === undefined) socket.terminate()
        else socket.send(sent)
        assert.equal((await closed)[0], 1006)
        const { how } = await stage.ended()
        assert.deepEqual([how.ended, how.error, how.close], [ended, ended, undefined])
      })
    })
  }

  test('compression is not offered to the upstream, unless the route passes it', async () => {
    await withGateway({}, async ({ open }) => {
      const socket = open({ perMessageDeflate: true })
      await once(socket, 'open')
      assert.equal(socket.extensions, '')
      socket.terminate()
    })
    const passing = [{ ...ROUTES[0], websocket: { compression: 'passed' } }]
    await withGateway({ routes: passing }, async ({ open, ended }) => {
      const socket = open({ perMessageDeflate: { threshold: 0 } })
      await once(socket, 'open')
      assert.match(socket.extensions, /^permessage-deflate/)
      socket.send('a'.repeat(10_000))
      const [echoed] = (await once(socket, 'message')) as [Buffer]
      assert.equal(String(echoed), 'a'.repeat(10_000))
      socket.close(1000)
      await once(socket, 'close')
      const { how } = await ended()
      assert.deepEqual(how.messages, { request: 1, response: 1 })
      assert.ok((how.request?.bytes ?? 0) < 1000)
    })
  })

  test('ten thousand messages at once arrive in order, however slowly they are taken', async () => {
    await withGateway({}, async ({ open, ended }) => {
      const socket = open()
      await once(socket, 'open')
      const digest = createHash('sha256')
      let got = 0
      const all = new Promise<void>((resolve) => {
        socket.on('message', (data: Buffer) => {
          digest.update(data)
          got += 1
          if (got % 1000 === 0) {
            socket.pause()
            setTimeout(() => socket.resume(), 5)
          }
          if (got === 10_000) resolve()
        })
      })
      const wanted = createHash('sha256')
      for (let nth = 0; nth < 10_000; nth += 1) {
        const message = `${nth} ${'y'.repeat(nth % 200)}`
        wanted.update(message)
        socket.send(message)
      }
      await all
      assert.equal(digest.digest('hex'), wanted.digest('hex'))
      socket.close(1000)
      await once(socket, 'close')
      assert.deepEqual((await ended()).how.messages, { request: 10_000, response: 10_000 })
    })
  })
})

describe('a WebSocket is closed', () => {
  for (const [name, limits, act, want] of [
    ['that is silent', { streamIdleMs: 200 }, 'wait', [1001, 'idle-timeout']],
    ['that lasts too long', { streamMs: 200 }, 'wait', [1001, 'exchange-timeout']],
    [
      'with a message that is too large',
      { messageBytesMax: 200 },
      'send',
      [1009, 'message-too-large'],
    ],
  ] as const) {
    test(`${name}: ${want.join(' ')}, for both sides and in the record`, async () => {
      await withGateway({ limits }, async ({ open, ended }) => {
        const seen = once(server, 'connection') as Promise<[WebSocket]>
        const socket = open()
        await once(socket, 'open')
        const [peer] = await seen
        const other = once(peer, 'close')
        if (act === 'send') socket.send('x'.repeat(201))
        const [code, reason] = (await once(socket, 'close')) as [number, Buffer]
        assert.deepEqual([code, String(reason)], want)
        assert.equal((await other)[0], want[0])
        const { how } = await ended()
        assert.deepEqual([how.close, how.error], [{ code: want[0], by: 'gateway' }, want[1]])
      })
    })
  }

  test('whose caller is put under quarantine, within a second', async () => {
    await withGateway({}, async ({ gateway, open, ended }) => {
      const socket = open()
      await once(socket, 'open')
      const closed = once(socket, 'close') as Promise<[number, Buffer]>
      const target = { kind: 'address', prefix: '127.0.0.0/8' } as const
      const by = { issuer: 'keys', id: 'olga' }
      await gateway.containment.contain({ target, reason: 'a test', by, forMs: 60_000 })
      const [code, reason] = await closed
      assert.deepEqual([code, String(reason)], [1008, 'quarantined'])
      assert.equal((await ended()).how.error, 'quarantined')
    })
  })

  test('by a client whom the upstream does not answer: it is let go all the same', async () => {
    await withGateway({ limits: { closeMs: 200 } }, async ({ open, ended, gateway }) => {
      const socket = open()
      await once(socket, 'open')
      // What the upstream got is not read any more.
      for (const client of server.clients) client.pause()
      const closed = once(socket, 'close')
      socket.close(1000)
      const { how } = await ended()
      assert.deepEqual([how.ended, how.close], ['released', { code: 1000, by: 'client' }])
      await closed
      await waitFor(async () => /active_requests 0/.test(await gateway.metrics()))
    })
  })

  test('when the gateway stops: going away', async () => {
    await withGateway({ limits: { stopMs: 2000 } }, async ({ gateway, open }) => {
      const socket = open()
      await once(socket, 'open')
      const closed = once(socket, 'close') as Promise<[number, Buffer]>
      const closing = gateway.close()
      assert.equal((await closed)[0], 1001)
      await closing
    })
  })
})
