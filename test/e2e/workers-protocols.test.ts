// What stays open, through two workers: a WebSocket of `ws` and calls of gRPC, whose messages are
// digested in workers and recorded by the gateway's own process.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Client, ClientDuplexStream, Metadata } from '@grpc/grpc-js'
import { WebSocket, WebSocketServer } from 'ws'
import { type GatewayLife, startLife } from '../faults/scratch-gateway.ts'
import { wholeLedger } from '../faults/whole-ledger.ts'
import { layOut, newKey } from '../laid-out.ts'
import {
  bearer,
  type GrpcServer,
  makeGrpcClient,
  startGrpcServer,
  type Text,
} from '../proxy/grpc-peers.ts'
import { run } from '../run-cli.ts'

const CALLERS = 2
const MESSAGES = 20

let directory: string
let token: string
let sockets: WebSocketServer
let calls: GrpcServer
let life: GatewayLife

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'countersign-workers-protocols-'))
  sockets = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  sockets.on('connection', (socket) => {
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
  })
  await once(sockets, 'listening')
  calls = await startGrpcServer()
  const { port } = sockets.address() as AddressInfo
  const config = await layOut(directory, configuration(`http://127.0.0.1:${port}`, calls.url))
  token = await newKey(config, 'ada')
  life = await startLife(config)
})
after(async () => {
  life.process.kill('SIGKILL')
  sockets.close()
  calls.close()
  await rm(directory, { recursive: true })
})

function configuration(chat: string, echo: string): string {
  return `version: 1
workers: 2
gateway: scratch
origin: countersign.test
data: ${join(directory, 'data')}
log: { level: error }
listeners:
  - { name: main, host: 127.0.0.1, port: 0 }
  - { name: calls, host: 127.0.0.1, port: 0, protocols: [h2] }
admin: { host: 127.0.0.1, port: 0 }
identity: { keysFile: api-keys.yaml }
policies: { directory: policies }
upstreams:
  chat: { url: "${chat}" }
  echo: { url: "${echo}", protocol: h2 }
routes:
  - { name: chat, path: /chat, upstream: chat, upgrade: websocket, messages: digested }
  - { name: echo, path: /, upstream: echo, messages: digested }
limits: { loopLagMs: 60000, ledgerLagMs: 600000 }
`
}

/** Sends messages, each of which comes back, and closes. */
async function chat(nth: number): Promise<void> {
  const headers = { authorization: `Bearer ${token}` }
  const socket = new WebSocket(`${life.url.replace('http', 'ws')}/chat`, { headers })
  await once(socket, 'open')
  for (let sent = 0; sent < MESSAGES; sent += 1) {
    socket.send(`${nth} ${sent}`)
    assert.equal(String((await once(socket, 'message'))[0]), `${nth} ${sent}`)
  }
  socket.close(1000)
  assert.equal((await once(socket, 'close'))[0], 1000)
}

async function call(port: number): Promise<void> {
  const client = makeGrpcClient(port) as Client & {
    Both(metadata: Metadata): ClientDuplexStream<Text, Text>
  }
  const stream = client.Both(bearer(token))
  const answers = stream[Symbol.asyncIterator]() as AsyncIterator<Text>
  for (let sent = 0; sent < MESSAGES; sent += 1) {
    stream.write({ text: `${sent}` })
    assert.equal((await answers.next()).value.text, `both ${sent}`)
  }
  stream.end()
  assert.equal((await answers.next()).done, true)
  client.close()
}

interface Shown {
  readonly sections: readonly {
    readonly section: string
    readonly value: { readonly messages?: Messages } | null
  }[]
}

interface Messages {
  readonly request: number
  readonly digests: { readonly request: { readonly listed: readonly string[] } }
}

test('WebSockets and gRPC through two workers are whole, counted and digested', async () => {
  const address = life.addresses.find((each) => each.startsWith('calls ')) ?? ''
  const port = Number(new URL(address.slice('calls '.length)).port)
  await Promise.all(Array.from({ length: CALLERS }, (_, nth) => [chat(nth), call(port)]).flat())
  assert.equal(await life.stop('SIGTERM'), 0)
  const data = join(directory, 'data')
  const lists: (readonly string[])[] = []
  for (const { index, kind } of await wholeLedger(data)) {
    if (kind !== 'outcome') continue
    const shown = await run(['show', `${index}`, '--data', data, '--json'])
    const { sections } = JSON.parse(shown.out) as Shown
    const messages = sections.find(({ section }) => section === 'how')?.value?.messages
    if (messages?.request === MESSAGES) lists.push(messages.digests.request.listed)
  }
  assert.equal(lists.length, 2 * CALLERS)
  const wanted = Array.from({ length: MESSAGES }, (_, sent) => {
    return createHash('sha256').update(`0 ${sent}`).digest('hex')
  })
  assert.ok(lists.some((listed) => listed.join() === wanted.join()))
})
