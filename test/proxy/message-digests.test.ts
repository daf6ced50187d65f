// Digests of messages on record: a client and a server of `ws`, and of gRPC, between which the
// gateway stands; what the records list is held against what both sides know.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Client, ClientDuplexStream, Metadata } from '@grpc/grpc-js'
import { WebSocket, WebSocketServer } from 'ws'
import {
  chainMessage,
  MESSAGE_CHAIN_START,
  MESSAGES_LISTED_MAX,
  type MessageDigests,
} from '../../packages/evidence/src/index.ts'
import { nodeSha256 } from '../../packages/gateway/src/platform/index.ts'
import { type RecordView, startGateway, type TestGateway } from './gateway.ts'
import { bearer, makeGrpcClient, startGrpcServer, type Text } from './grpc-peers.ts'

const ROUTE = { name: 'all', path: '/', upstream: 'upstream', messages: 'digested' }
const TELLING: ReadonlySet<string> = new Set(['progress', 'outcome'])

function digestOf(message: string | Uint8Array): string {
  return createHash('sha256').update(message).digest('hex')
}

/** What one list of these messages says, if they are all there are. */
function whole(messages: readonly (string | Uint8Array)[]): MessageDigests {
  const listed = messages.map(digestOf)
  return { first: 1, listed, chain: chainOf(listed) }
}

function chainOf(digests: readonly string[]): string {
  return digests.reduce((chain, digest) => {
    return chainMessage(nodeSha256, chain, digest)
  }, MESSAGE_CHAIN_START)
}

async function recordsOf(gateway: TestGateway): Promise<readonly RecordView[]> {
  for (let tries = 0; tries < 500; tries += 1) {
    const found = await gateway.records()
    if (found.some(({ kind }) => kind === 'outcome')) return found
    await sleep(20)
  }
  throw new Error('no outcome')
}

async function withSockets(
  options: Parameters<typeof startGateway>[0] | object,
  run: (gateway: TestGateway, client: WebSocket, peer: WebSocket) => Promise<void>,
): Promise<void> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: true })
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const routes = [{ ...ROUTE, upgrade: 'websocket' }]
  const gateway = await startGateway({ upstream: `http://127.0.0.1:${port}`, routes, ...options })
  try {
    const connected = once(server, 'connection') as Promise<[WebSocket]>
    const headers = { authorization: `Bearer ${gateway.keys.ada}` }
    const client = new WebSocket(`ws://127.0.0.1:${gateway.port}/chat`, { headers })
    await once(client, 'open')
    await run(gateway, client, (await connected)[0])
  } finally {
    for (const socket of server.clients) socket.terminate()
    server.close()
    await gateway.close()
  }
}

/** Messages that arrive, as many as are asked for. */
function arriving(socket: WebSocket, count: number): Promise<readonly Buffer[]> {
  const { promise, resolve } = Promise.withResolvers<readonly Buffer[]>()
  const got: Buffer[] = []
  socket.on('message', (data: Buffer) => {
    got.push(data)
    if (got.length === count) resolve(got)
  })
  return promise
}

describe('digests of messages', () => {
  test('of a WebSocket: of each what it contains, in frames or not, both ways', async () => {
    await withSockets({}, async (gateway, client, peer) => {
      const large = Buffer.alloc(200_000, 7)
      const [there, back] = [arriving(peer, 4), arriving(client, 2)]
      client.send('hello')
      client.send('in ', { fin: false })
      client.ping()
      client.send('frames', { fin: true })
      client.send(large)
      client.send('')
      peer.send('answer')
      peer.send(Buffer.of(0, 1))
      assert.deepEqual((await there).map(digestOf), whole(['hello', 'in frames', large, '']).listed)
      await back
      client.close(1000)
      const outcome = (await recordsOf(gateway)).find(({ kind }) => kind === 'outcome')
      assert.deepEqual(outcome?.how.messages, {
        request: 4,
        response: 2,
        digests: {
          request: whole(['hello', 'in frames', large, '']),
          response: whole(['answer', Buffer.of(0, 1)]),
        },
      })
    })
  })

  test('of many: each once in one of the records, and in none too many', async () => {
    await withSockets({}, async (gateway, client, peer) => {
      // As many as are worth a progress: one tells of all of them or of none.
      const batch = MESSAGES_LISTED_MAX / 2
      for (let nth = 0; nth < 2; nth += 1) {
        const there = arriving(peer, batch)
        for (let of = 0; of < batch; of += 1) client.send(`${nth} ${of}`)
        await there
        peer.removeAllListeners('message')
        await progressTells(gateway, batch * (nth + 1))
      }
      client.close(1000)
      const told = (await recordsOf(gateway)).filter(({ kind }) => TELLING.has(kind))
      const lists = told.map(({ how }) => how.messages?.digests?.request)
      const listed = lists.flatMap((digests) => digests?.listed ?? [])
      const wanted = [0, 1].flatMap((nth) => {
        return Array.from({ length: batch }, (_, of) => digestOf(`${nth} ${of}`))
      })
      assert.deepEqual(listed, wanted)
      assert.equal(lists.at(-1)?.chain, chainOf(wanted))
      assert.equal(lists.at(-1)?.first, 2 * batch + 1)
      assert.ok(lists.every((digests) => (digests?.listed.length ?? 0) <= MESSAGES_LISTED_MAX))
    })
  })

  test('of more at once than one lists: the first of them, and the chain of all', async () => {
    await withSockets({}, async (gateway, client, peer) => {
      const all = Array.from({ length: 5000 }, (_, nth) => `message ${nth}`)
      const there = arriving(peer, all.length)
      for (const message of all) client.send(message)
      await there
      client.close(1000)
      const told = (await recordsOf(gateway)).filter(({ kind }) => TELLING.has(kind))
      const lists = told.map(({ how }) => how.messages?.digests?.request)
      const [first] = lists
      assert.equal(lists.at(-1)?.chain, chainOf(all.map(digestOf)))
      const count = first?.listed.length ?? 0
      assert.ok(count >= MESSAGES_LISTED_MAX / 2 && count <= MESSAGES_LISTED_MAX, `${count}`)
      assert.deepEqual(first?.listed, all.slice(0, count).map(digestOf))
    })
  })

  test('of a route that only counts: none', async () => {
    const routes = [{ ...ROUTE, upgrade: 'websocket', messages: 'counted' }]
    await withSockets({ routes }, async (gateway, client, peer) => {
      const there = arriving(peer, 1)
      client.send('hello')
      await there
      client.close(1000)
      const outcome = (await recordsOf(gateway)).find(({ kind }) => kind === 'outcome')
      assert.deepEqual(outcome?.how.messages, { request: 1, response: 0 })
    })
  })

  test('of gRPC: of each message as the peers encoded it', async () => {
    const server = await startGrpcServer()
    const gateway = await startGateway({
      upstream: server.url,
      upstreamProtocol: 'h2',
      protocols: ['h2'],
      routes: [ROUTE],
    })
    const client = makeGrpcClient(gateway.port) as Client & {
      Both(metadata: Metadata): ClientDuplexStream<Text, Text>
    }
    try {
      const call = client.Both(bearer(gateway.keys.ada))
      const answers = call[Symbol.asyncIterator]() as AsyncIterator<Text>
      const sent = ['a', 'b'.repeat(70_000), '']
      const got: string[] = []
      for (const text of sent) {
        call.write({ text })
        got.push((await answers.next()).value.text)
      }
      call.end()
      assert.equal((await answers.next()).done, true)
      const outcome = (await recordsOf(gateway)).find(({ kind }) => kind === 'outcome')
      assert.deepEqual(outcome?.how.messages, {
        request: 3,
        response: 3,
        digests: { request: whole(sent.map(encoded)), response: whole(got.map(encoded)) },
      })
    } finally {
      client.close()
      await gateway.close()
      server.close()
    }
  })
})

/** Waits until a progress counts so many messages of the client. */
async function progressTells(gateway: TestGateway, count: number): Promise<void> {
  for (let tries = 0; tries < 500; tries += 1) {
    const told = (await gateway.records()).findLast(({ kind }) => kind === 'progress')
    if (told?.how.messages?.request === count) return
    await sleep(20)
  }
  throw new Error('no progress')
}

/** The message of `echo.proto` whose first field is this text, as protobuf encodes it. */
function encoded(text: string): Uint8Array {
  const length: number[] = []
  for (let left = text.length; ; left = Math.floor(left / 128)) {
    length.push(left < 128 ? left : (left % 128) | 128)
    if (left < 128) break
  }
  return Buffer.concat([Buffer.of(0x0a, ...length), Buffer.from(text)])
}
