import assert from 'node:assert/strict'
import { once } from 'node:events'
import {
  createServer,
  type Http2Server,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2'
import { type AddressInfo, createServer as createRaw, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { systemClock } from '../../platform/index.ts'
import {
  UpstreamFault,
  type UpstreamFields,
  type UpstreamReached,
  type UpstreamRequest,
} from '../types.ts'
import { Http2Client } from './client.ts'

interface Answer {
  status?: number
  fields?: UpstreamFields
  body: string
  trailers?: UpstreamFields
  fault?: UpstreamFault
  reached?: UpstreamReached
  interims: number[]
}

const [NO_ERROR, INTERNAL_ERROR, REFUSED_STREAM] = [0, 2, 7]

function frameOf(type: number, flags: number, payload: Buffer, stream = 1): Buffer {
  const header = Buffer.from([0, 0, payload.length, type, flags, 0, 0, 0, stream])
  return Buffer.concat([header, payload])
}

describe('HTTP/2 to an upstream', () => {
  let server: Http2Server
  let client: Http2Client
  let sessions: ServerHttp2Session[]

  beforeEach(async () => {
    sessions = []
    server = createServer({ settings: { maxConcurrentStreams: 10 } })
    server.on('session', (session) => sessions.push(session))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    client = new Http2Client({
      host: '127.0.0.1',
      port: (server.address() as AddressInfo).port,
      clock: systemClock(),
      connectionsMax: 2,
      connectMs: 30_000,
    })
  })
  afterEach(async () => {
    await client.destroy()
    for (const session of sessions) session.destroy()
    server.close()
  })

  /** Sends it, with `body` if there is one, and waits for the end. */
  function ask(
    request: Partial<UpstreamRequest>,
    body?: string,
    trailers?: UpstreamFields,
    onData: () => void = () => undefined,
  ) {
    const answer: Answer = { body: '', interims: [] }
    return new Promise<Answer>((resolve) => {
      const whole = {
        method: body === undefined ? 'GET' : 'POST',
        authority: 'api.internal',
        target: '/',
        fields: [],
        bodyBytes: body === undefined ? 0 : undefined,
        ...request,
      }
      const call = client.call(whole, {
        reached: (reached) => {
          answer.reached = reached
          if (body === undefined) return
          call.write(Buffer.from(body))
          call.end(trailers)
        },
        interim: (status) => answer.interims.push(status),
        head: (status, fields) => Object.assign(answer, { status, fields }),
        data: (chunk) => {
          answer.body += Buffer.from(chunk).toString()
          onData()
        },
        end: (received) => resolve(Object.assign(answer, { trailers: received })),
        fault: (fault) => resolve(Object.assign(answer, { fault })),
      })
    })
  }

  function serve(answer: (stream: ServerHttp2Stream, raw: readonly string[]) => void): void {
    server.on('stream', (stream: ServerHttp2Stream, _headers, _flags, raw) => {
      stream.on('error', () => undefined)
      answer(stream, raw)
    })
  }

  test('head, body and trailers arrive on both sides as they were sent', async () => {
    serve((stream, raw) => {
      const seen: string[] = []
      stream.on('data', (chunk: Buffer) => seen.push(String(chunk)))
      stream.on('trailers', (_headers, _flags, trailers: string[]) => seen.push(...trailers))
      stream.on('end', () => {
        stream.additionalHeaders({ ':status': 103 })
        stream.respond({ ':status': 201, 'x-a': ['1', '2'] }, { waitForTrailers: true })
        stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
        stream.end(JSON.stringify({ raw, seen }))
      })
    })
    const fields = [['X-Kept', 'yes']] as const
    const answer = await ask({ target: '/a?b', fields, takesTrailers: true }, 'body', [
      ['X-T', '1'],
    ])
    const { raw, seen } = JSON.parse(answer.body) as { raw: string[]; seen: string[] }
    const pseudo = [':method', 'POST', ':scheme', 'http', ':authority', 'api.internal']
    assert.deepEqual(raw, [...pseudo, ':path', '/a?b', 'x-kept', 'yes', 'te', 'trailers'])
    assert.deepEqual(seen, ['body', 'x-t', '1'])
    assert.equal(answer.status, 201)
    assert.deepEqual(answer.interims, [103])
    assert.deepEqual(answer.trailers, [['grpc-status', '0']])
    assert.deepEqual(
      answer.fields?.filter(([name]) => name === 'x-a'),
      [
        ['x-a', '1'],
        ['x-a', '2'],
      ],
    )
  })

  test('calls share a connection, up to as many as the upstream takes at once', async () => {
    let most = 0
    let now = 0
    serve((stream) => {
      now += 1
      most = Math.max(most, now)
      setTimeout(() => {
        now -= 1
        stream.respond({ ':status': 200 })
        stream.end('ok')
      }, 20)
    })
    await ask({})
    const answers = await Promise.all(Array.from({ length: 50 }, () => ask({})))
    assert.equal(
      answers.every(({ status }) => status === 200),
      true,
    )
    assert.equal(answers[0]?.reached?.isReused, true)
    assert.equal(sessions.length <= 2, true)
    assert.equal(most <= 20, true)
  })

  for (const [name, answer, reason, isUnsent] of [
    [
      'a stream that is refused was not looked at',
      (stream: ServerHttp2Stream) => stream.close(REFUSED_STREAM),
      'upstream-aborted',
      true,
    ],
    [
      'a stream that is reset may have been',
      (stream: ServerHttp2Stream) => stream.close(INTERNAL_ERROR),
      'upstream-aborted',
      false,
    ],
    [
      'a body that is shorter than it says is not whole',
      (stream: ServerHttp2Stream) => {
        stream.respond({ ':status': 200, 'content-length': '10' })
        stream.end('half')
      },
      'upstream-protocol',
      false,
    ],
    [
      'a connection that breaks',
      (stream: ServerHttp2Stream) => stream.session?.destroy(),
      'upstream-aborted',
      false,
    ],
  ] as const) {
    test(name, async () => {
      serve(answer)
      const { fault } = await ask({})
      assert.equal(fault instanceof UpstreamFault, true)
      assert.deepEqual([fault?.reason, fault?.isUnsent], [reason, isUnsent])
    })
  }

  test('GOAWAY that leaves the stream out: it was not looked at', async () => {
    serve((stream) => {
      if (stream.id === 1) {
        stream.respond({ ':status': 200 })
        stream.end()
      } else stream.session?.goaway(NO_ERROR, 1)
    })
    await ask({})
    const { fault } = await ask({})
    assert.deepEqual([fault?.reason, fault?.isUnsent], ['upstream-aborted', true])
  })

  test('after GOAWAY what is going on ends, and the next call has another connection', async () => {
    const streams: ServerHttp2Stream[] = []
    serve((stream) => {
      streams.push(stream)
      if (streams.length === 1) stream.session?.goaway(NO_ERROR, stream.id ?? 0)
      // Behind GOAWAY on the wire: whoever has it knows of both.
      setImmediate(() => {
        stream.respond({ ':status': 200 })
        stream.write('a')
        if (streams.length === 2) for (const each of streams) each.end('b')
      })
    })
    const { promise: told, resolve: onData } = Promise.withResolvers<void>()
    const [first, second] = await Promise.all([
      ask({}, undefined, undefined, onData),
      told.then(() => ask({})),
    ])
    assert.deepEqual([first.body, second.body, sessions.length], ['ab', 'ab', 2])
  })

  test('a peer that takes no streams gets one connection, and its calls end', async (t) => {
    const opened: Socket[] = []
    const none = frameOf(4, 0, Buffer.of(0, 3, 0, 0, 0, 0), 0)
    const some = frameOf(4, 0, Buffer.of(0, 3, 0, 0, 0, 9), 0)
    const answer = frameOf(1, 5, Buffer.of(0x88))
    const raw = createRaw((socket) => {
      opened.push(socket)
      socket.on('error', () => undefined)
      socket.write(none)
    })
    t.after(() => raw.close())
    raw.listen(0, '127.0.0.1')
    await once(raw, 'listening')
    await client.destroy()
    const { port } = raw.address() as AddressInfo
    const at = { host: '127.0.0.1', port, clock: systemClock(), connectMs: 30_000 }
    client = new Http2Client({ ...at, connectionsMax: 128, waitMs: 100 })
    const answers = await Promise.all(Array.from({ length: 20 }, () => ask({})))
    for (const { fault } of [...answers, await ask({}, 'body')]) {
      assert.deepEqual([fault?.reason, fault?.isUnsent], ['upstream-overloaded', true])
    }
    assert.equal(opened.length, 1)
    const late = ask({})
    opened[0]?.write(some)
    opened[0]?.on('data', (bytes: Buffer) => {
      // A head is on stream 1.
      if (bytes.includes(Buffer.of(1, 5, 0, 0, 0, 1))) opened[0]?.write(answer)
    })
    const { status, fault } = await late
    assert.deepEqual([status, fault, opened.length], [200, undefined, 1])
  })

  test('after GOAWAY a peer that never closes has no place', async () => {
    const goaway = frameOf(7, 0, Buffer.of(0, 0, 0, 1, 0, 0, 0, NO_ERROR), 0)
    const halfOpen: Socket[] = []
    const raw = createRaw({ allowHalfOpen: true }, (socket) => {
      halfOpen.push(socket)
      socket.on('error', () => undefined)
      socket.write(frameOf(4, 0, Buffer.alloc(0), 0))
      socket.once('data', () => {
        setTimeout(() => {
          socket.write(Buffer.concat([frameOf(1, 5, Buffer.of(0x88)), goaway]))
        }, 20)
      })
    })
    raw.listen(0, '127.0.0.1')
    await once(raw, 'listening')
    await client.destroy()
    const { port } = raw.address() as AddressInfo
    const at = { host: '127.0.0.1', port, clock: systemClock() }
    client = new Http2Client({ ...at, connectionsMax: 1, connectMs: 30_000 })
    for (let times = 0; times < 3; times += 1) {
      const { status, fault } = await ask({})
      assert.deepEqual([status, fault], [200, undefined])
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    await client.close()
    for (const socket of halfOpen) socket.destroy()
    raw.close()
  })

  test('a reader that pauses stops the upstream, and loses nothing', async () => {
    const bytes = 4 * 1024 * 1024
    let written = 0
    serve((stream) => {
      stream.resume().respond({ ':status': 200 })
      const chunk = Buffer.alloc(65_536, 'a')
      const more = (): void => {
        while (written < bytes) {
          written += chunk.length
          if (!stream.write(chunk)) return void stream.once('drain', more)
        }
        stream.end()
      }
      more()
    })
    let received = 0
    await new Promise<void>((resolve, reject) => {
      const whole = { method: 'GET', authority: 'a', target: '/', fields: [], bodyBytes: 0 }
      const call = client.call(whole, {
        head: () => {
          call.pause()
          setTimeout(() => {
            assert.equal(written < bytes, true)
            call.resume()
          }, 100)
        },
        data: (chunk) => {
          received += chunk.length
        },
        end: () => resolve(),
        fault: reject,
      })
    })
    assert.equal(received, bytes)
  })

  for (const [name, last, outcome] of [
    ['a body that is reset without an error is not whole', frameOf(3, 0, Buffer.alloc(4)), 'fault'],
    ['a body that ends is whole', frameOf(0, 1, Buffer.alloc(0)), 'end'],
  ] as const) {
    for (const pauses of [false, true]) {
      test(`${name}${pauses ? ', and the reader pauses' : ''}`, async () => {
        const half = [frameOf(1, 4, Buffer.of(0x88)), frameOf(0, 0, Buffer.from('half'))]
        const raw = createRaw((socket) => {
          socket.on('error', () => undefined)
          socket.write(frameOf(4, 0, Buffer.alloc(0), 0))
          socket.once('data', () => {
            setTimeout(() => socket.write(Buffer.concat([...half, last])), 50)
          })
        })
        raw.listen(0, '127.0.0.1')
        await once(raw, 'listening')
        const { port } = raw.address() as AddressInfo
        const at = { host: '127.0.0.1', port, clock: systemClock() }
        const other = new Http2Client({ ...at, connectionsMax: 1, connectMs: 30_000 })
        const ended = await new Promise((resolve) => {
          const fields = [['x-name', 'example']] as const
          const whole = { method: 'GET', authority: 'example', target: '/', fields, bodyBytes: 0 }
          const call = other.call(whole, {
            head: () => {
              if (!pauses) return
              call.pause()
              setTimeout(() => call.resume(), 50)
            },
            data: () => undefined,
            end: () => resolve('end'),
            fault: () => resolve('fault'),
          })
        })
        await other.destroy()
        raw.close()
        assert.equal(ended, outcome)
      })
    }
  }

  test('nobody there: unreachable, and certainly not sent', async () => {
    server.close()
    const { fault } = await ask({})
    assert.deepEqual([fault?.reason, fault?.isUnsent], ['upstream-unreachable', true])
  })
})
