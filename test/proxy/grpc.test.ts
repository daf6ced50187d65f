// Calls of gRPC through the proxy, between its own client and its own server.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  type CallOptions,
  type Client,
  type ClientDuplexStream,
  type ClientReadableStream,
  type ClientWritableStream,
  type Metadata,
  type ServiceError,
  status,
} from '@grpc/grpc-js'
import { waitFor } from '../demo-process.ts'
import { type RecordView, startGateway, type TestGateway } from './gateway.ts'
import {
  bearer,
  type GrpcServer,
  makeGrpcClient,
  startGrpcServer,
  type Text,
} from './grpc-peers.ts'

type Callback = (error: ServiceError | null, answer?: Text) => void

interface EchoClient extends Client {
  One(request: Text, metadata: Metadata, options: CallOptions, callback: Callback): CallEvents
  Up(metadata: Metadata, callback: Callback): ClientWritableStream<Text>
  Down(request: Text, metadata: Metadata): ClientReadableStream<Text>
  Both(metadata: Metadata): ClientDuplexStream<Text, Text>
}

interface CallEvents {
  on(event: 'status' | 'metadata', listener: (told: never) => void): void
}

interface Unary {
  readonly error: ServiceError | null
  readonly answer: Text | undefined
  readonly trailers: Metadata | undefined
}

describe('gRPC', () => {
  let server: GrpcServer
  let gateway: TestGateway
  let client: EchoClient

  before(async () => {
    server = await startGrpcServer()
    gateway = await startGateway({
      upstream: server.url,
      upstreamProtocol: 'h2',
      protocols: ['h2'],
      limits: { bodyIdleMs: 300, responseIdleMs: 300 },
      routes: [{ name: 'all', path: '/', upstream: 'upstream', trailers: ['x-listed'] }],
    })
    client = makeGrpcClient(gateway.port) as EchoClient
  })
  after(async () => {
    client.close()
    await gateway.close()
    server.close()
  })

  function one(text: string, { key = gateway.keys.ada, options = {} } = {}): Promise<Unary> {
    return new Promise((resolve) => {
      let trailers: Metadata | undefined
      let result: Omit<Unary, 'trailers'> | undefined
      const settle = (): void => {
        if (result !== undefined && trailers !== undefined) resolve({ ...result, trailers })
      }
      const call = client.One({ text }, bearer(key), options, (error, answer) => {
        result = { error, answer }
        settle()
      })
      call.on('status', ({ metadata }: { readonly metadata: Metadata }) => {
        trailers = metadata
        settle()
      })
    })
  }

  async function last(kind: string): Promise<RecordView | undefined> {
    let records: readonly RecordView[] = []
    const count = (of: string): number => records.filter((each) => each.kind === of).length
    await waitFor(async () => {
      records = await gateway.exchanges()
      return count('intent') === count('outcome')
    })
    return records.findLast((record) => record.kind === kind)
  }

  test('a unary call: answer, listed trailers, receipt, and counts on record', async () => {
    const { error, answer, trailers } = await one('a')
    assert.equal(error, null)
    assert.equal(answer?.text, 'one a')
    assert.deepEqual(trailers?.get('x-listed'), ['yes'])
    assert.deepEqual(trailers?.get('x-unlisted'), [])
    assert.equal(trailers?.get('countersign-receipt').length, 1)
    const outcome = await last('outcome')
    assert.deepEqual(outcome?.how.grpc, { status: 0 })
    assert.deepEqual(outcome?.how.messages, { request: 1, response: 1 })
    const intent = (await gateway.exchanges()).findLast(({ kind }) => kind === 'intent')
    assert.deepEqual([intent?.what.path, intent?.what.protocol], ['/echo.Echo/One', 'HTTP/2'])
  })

  test('what the server answers is what the client gets, and what is on record', async () => {
    const { error } = await one('fail')
    assert.deepEqual([error?.code, error?.details], [status.FAILED_PRECONDITION, 'no: ä'])
    assert.deepEqual((await last('outcome'))?.how.grpc, { status: status.FAILED_PRECONDITION })
  })

  test('a client stream', async () => {
    const answer = await new Promise<Text | undefined>((resolve, reject) => {
      const call = client.Up(bearer(gateway.keys.ada), (error, text) => {
        if (error === null) resolve(text)
        else reject(error)
      })
      for (const text of ['a', 'b', 'c'.repeat(100_000)]) call.write({ text })
      call.end()
    })
    assert.equal(answer?.count, 3)
    assert.deepEqual((await last('outcome'))?.how.messages, { request: 3, response: 1 })
  })

  test('a server stream', async () => {
    const counts: number[] = []
    const call = client.Down({ text: 'x'.repeat(2000), count: 500 }, bearer(gateway.keys.ada))
    for await (const { count } of call as AsyncIterable<Text>) counts.push(count ?? 0)
    assert.deepEqual(
      counts,
      Array.from({ length: 500 }, (_, nth) => nth),
    )
    assert.deepEqual((await last('outcome'))?.how.messages, { request: 1, response: 500 })
  })

  test('both at once: each message is answered before the next is sent', async () => {
    const call = client.Both(bearer(gateway.keys.ada))
    const answers = call[Symbol.asyncIterator]() as AsyncIterator<Text>
    for (const text of ['a', 'b', 'c']) {
      call.write({ text })
      assert.equal((await answers.next()).value.text, `both ${text}`)
    }
    call.end()
    assert.equal((await answers.next()).done, true)
    const outcome = await last('outcome')
    assert.deepEqual(outcome?.how.messages, { request: 3, response: 3 })
    assert.deepEqual(outcome?.how.grpc, { status: 0 })
  })

  test('silence between the messages of a stream is no fault of anybody', async () => {
    const call = client.Both(bearer(gateway.keys.ada))
    const answers = call[Symbol.asyncIterator]() as AsyncIterator<Text>
    for (const text of ['a', 'b']) {
      await sleep(500)
      call.write({ text })
      assert.equal((await answers.next()).value.text, `both ${text}`)
    }
    call.end()
    assert.equal((await answers.next()).done, true)
  })

  test('a call without good credentials is refused as gRPC refuses', async () => {
    const { error, trailers } = await one('a', { key: 'nothing' })
    assert.equal(error?.code, status.UNAUTHENTICATED)
    assert.match(error?.details ?? '', /credentials-/)
    assert.equal(trailers?.get('countersign-receipt').length, 1)
    const refusal = await last('refusal')
    assert.deepEqual([refusal?.how.status, refusal?.how.grpc?.status], [200, 16])
  })

  test('a call that no policy permits', async () => {
    const { error } = await one('a', { key: gateway.keys.ben })
    assert.equal(error?.code, status.PERMISSION_DENIED)
  })

  test('the deadline of the client ends the exchange, and is on record', async () => {
    const { error } = await one('hang', { options: { deadline: Date.now() + 1500 } })
    assert.equal(error?.code, status.DEADLINE_EXCEEDED)
    const { grpc, error: reason } = (await last('outcome'))?.how ?? {}
    assert.equal(reason === 'exchange-timeout' || reason === 'client-aborted', true)
    assert.equal((grpc?.timeoutMs ?? 0) <= 1500, true)
    assert.equal((grpc?.timeoutMs ?? 0) > 0, true)
  })

  test('a call that is cancelled reaches its end', async () => {
    const call = client.Both(bearer(gateway.keys.ada))
    call.on('error', () => undefined)
    call.write({ text: 'a' })
    await new Promise((resolve) => call.once('data', resolve))
    call.cancel()
    const outcome = await last('outcome')
    assert.equal(outcome?.how.ended, 'client-aborted')
    assert.deepEqual(outcome?.how.grpc, { status: status.CANCELLED })
  })
})
