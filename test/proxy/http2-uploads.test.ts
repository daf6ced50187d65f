// Bodies on streams of one HTTP/2 connection: what waits for its upstream is no flood, nor is what
// comes in frames as small as messages are; frames of next to nothing are.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { type GatewayOptions, startGateway, type TestGateway } from './gateway.ts'
import { block, END_HEADERS, FrameClient, frame } from './http2-frames.ts'

/** More than one look of the gateway at its connections. */
const LOOKS_MS = 2500

async function withUpstream(
  {
    answer,
    limits = {},
  }: Pick<Partial<GatewayOptions>, 'limits'> & {
    readonly answer: (request: IncomingMessage, response: ServerResponse) => void
  },
  run: (gateway: TestGateway, client: ClientHttp2Session) => Promise<void>,
): Promise<void> {
  const server = createServer(answer)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const upstream = `http://127.0.0.1:${port}`
  const gateway = await startGateway({ upstream, protocols: ['h2'], limits })
  const client = connect(`http://127.0.0.1:${gateway.port}`)
  client.on('error', () => undefined)
  try {
    await run(gateway, client)
  } finally {
    client.destroy()
    server.closeAllConnections()
    server.close()
    await gateway.close()
  }
}

/** Says how many bytes it got. */
function count(request: IncomingMessage, response: ServerResponse): void {
  let bytes = 0
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length
  })
  request.on('end', () => response.end(`${bytes}`))
  request.resume()
}

function post(gateway: TestGateway, client: ClientHttp2Session): ClientHttp2Stream {
  const authorization = `Bearer ${gateway.keys.ada}`
  return client.request({ ':method': 'POST', ':path': '/', authorization })
}

/** What is answered; or why nothing is. */
async function answered(stream: ClientHttp2Stream): Promise<string> {
  try {
    return Buffer.concat(await stream.toArray()).toString()
  } catch (error) {
    return String(error)
  }
}

test('uploads that wait for a slow upstream, more than a window, arrive whole', async () => {
  const late = (request: IncomingMessage, response: ServerResponse): void => {
    void sleep(LOOKS_MS).then(() => count(request, response))
  }
  await withUpstream({ answer: late }, async (gateway, client) => {
    const uploads = Array.from({ length: 12 }, () => {
      const stream = post(gateway, client)
      stream.end(Buffer.alloc(1_000_000, 1))
      return answered(stream)
    })
    assert.deepEqual(
      await Promise.all(uploads),
      Array.from({ length: 12 }, () => '1000000'),
    )
  })
})

const SMALL = {
  h2ControlBytesMax: 4096,
  h2ControlBytesPerSecondMax: 1024,
  h2SessionWindowBytes: 65_536,
}

test('a body in frames as small as messages, whose heads are more than may be', async () => {
  await withUpstream({ answer: count, limits: SMALL }, async (gateway, client) => {
    const stream = post(gateway, client)
    for (let sent = 0; sent < 12_000; sent += 1) {
      await new Promise((resolve) => stream.write('message', resolve))
    }
    // It is looked at once more while it is open.
    await sleep(LOOKS_MS)
    stream.end()
    assert.equal(await answered(stream), `${12_000 * 'message'.length}`)
  })
})

test('a body in frames of one byte, more than may be: the connection ends as flooded', async () => {
  await withUpstream({ answer: count, limits: SMALL }, async (gateway) => {
    const client = new FrameClient(gateway.port)
    const fields = [
      [':method', 'POST'],
      [':scheme', 'http'],
      [':authority', 'api.example'],
      [':path', '/'],
      ['authorization', `Bearer ${gateway.keys.ada}`],
    ] as const
    client.send(frame('headers', END_HEADERS, 1, block(fields)))
    const crumb = frame('data', 0, 1, Buffer.of(1))
    client.send(Buffer.concat(Array.from({ length: 30_000 }, () => crumb)))
    const goaway = await client.next('goaway')
    assert.equal(goaway?.payload.readUInt32BE(4), 11)
    await client.closed()
  })
})
