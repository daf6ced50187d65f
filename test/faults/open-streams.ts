// Everything that stays open, at once, through a gateway that is a process of its own: WebSockets,
// events, downloads, HTTP/2 and gRPC, before upstreams in this process that no fault reaches.
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import type { AddressInfo } from 'node:net'
import type { Client, ClientDuplexStream, Metadata } from '@grpc/grpc-js'
import { WebSocket, WebSocketServer } from 'ws'
import { layOut, newKey } from '../laid-out.ts'
import {
  bearer,
  type GrpcServer,
  makeGrpcClient,
  startGrpcServer,
  type Text,
} from '../proxy/grpc-peers.ts'
import { type GatewayLife, startLife } from './scratch-gateway.ts'

/** What a caller was told, before the gateway went: exchanges, and how each ended. */
export interface Told {
  readonly opened: number
  /** Ends that came whole: a last event, a close frame, trailers. */
  readonly whole: number
  /** Answers with a reason, each with how often it came. */
  readonly reasons: ReadonlyMap<string, number>
}

export interface StreamStage {
  readonly token: string
  start(): Promise<GatewayLife>
  /** Ids of the requests that reached an upstream. */
  received(): readonly string[]
  close(): void
}

const EVENT_EVERY_MS = 5
/** So that progress records are written by bytes as well. */
const DOWNLOAD_CHUNK = Buffer.alloc(20_000, 'd')

export async function streamStage(directory: string, data: string): Promise<StreamStage> {
  const ids: string[] = []
  const grpc = await startGrpcServer()
  const app = createServer((asked, response) => answer(asked, response))
  const sockets = new WebSocketServer({ server: app })
  app.on('request', ({ headers }) => ids.push(String(headers['x-request-id'])))
  sockets.on('connection', (socket, { headers }) => {
    ids.push(String(headers['x-request-id']))
    socket.on('error', () => socket.terminate())
    socket.on('message', (message) => socket.send(message))
  })
  // A kept connection is not closed in the moment in which it is used again.
  app.keepAliveTimeout = 0
  app.listen(0, '127.0.0.1')
  await once(app, 'listening')
  const { port } = app.address() as AddressInfo
  const config = await layOut(directory, configuration(data, port, grpc))
  const token = await newKey(config, 'ada')
  return {
    token,
    start: () => startLife(config),
    received: () => [...ids, ...grpc.metadata.map((each) => String(each.get('x-request-id')[0]))],
    close: () => {
      grpc.close()
      sockets.close()
      app.closeAllConnections()
      app.close()
    },
  }
}

function answer(asked: IncomingMessage, response: ServerResponse): void {
  asked.resume()
  const isEvents = asked.url === '/events'
  response.writeHead(200, { 'content-type': isEvents ? 'text/event-stream' : 'text/plain' })
  if (asked.url === '/short') {
    response.end('short')
    return
  }
  response.flushHeaders()
  const timer = setInterval(() => {
    response.write(isEvents ? 'data: x\n\n' : DOWNLOAD_CHUNK)
  }, EVENT_EVERY_MS)
  response.on('close', () => clearInterval(timer))
}

function configuration(data: string, port: number, grpc: GrpcServer): string {
  return `version: 1
origin: countersign.test
data: ${data}
log: { level: silent }
listeners:
  - { name: main, host: 127.0.0.1, port: 0 }
  - { name: h2, host: 127.0.0.1, port: 0, protocols: [h2] }
admin: { host: 127.0.0.1, port: 0 }
identity: { keysFile: api-keys.yaml }
policies: { directory: policies }
disk: { reserveBytes: 0, warnFreeBytes: 0, refuseFreeBytes: 0 }
limits: { progressMs: 1000, progressBytes: 65536, headMs: 60000,
  loopLagMs: 60000, ledgerLagMs: 600000 }
upstreams:
  app: { url: "http://127.0.0.1:${port}" }
  grpc: { url: "${grpc.url}", protocol: h2 }
routes:
  - { name: grpc, path: /echo.Echo, upstream: grpc }
  - { name: ws, path: /ws, upstream: app, upgrade: websocket }
  - { name: all, path: /, upstream: app }
`
}

interface EchoClient extends Client {
  Both(metadata: Metadata): ClientDuplexStream<Text, Text>
}

/** One of each kind at a time, again and again, until `stop` is called or nobody answers. */
export class Callers {
  readonly #token: string
  readonly #life: GatewayLife
  readonly #reasons = new Map<string, number>()
  readonly #open = new Set<() => void>()
  #opened = 0
  #whole = 0

  constructor(life: GatewayLife, token: string) {
    this.#life = life
    this.#token = token
  }

  get told(): Told {
    return { opened: this.#opened, whole: this.#whole, reasons: this.#reasons }
  }

  begin(each = 3): void {
    for (let nth = 0; nth < each; nth += 1) {
      this.webSocket()
      void this.get('/events')
      void this.get('/download')
      this.http2('/events')
      this.grpc()
    }
  }

  /** Ends all that is open from this side. */
  stop(): void {
    for (const close of this.#open) close()
    this.#open.clear()
  }

  get(path: string): Promise<number> {
    return new Promise((resolve) => {
      const asked = request(`${this.#life.url}${path}`, {
        headers: { authorization: `Bearer ${this.#token}` },
        agent: false,
      })
      this.#open.add(() => asked.destroy())
      asked.on('error', () => resolve(0))
      asked.on('response', (response) => {
        this.#opened += 1
        this.#note(response.headers['content-type'], response.statusCode ?? 0)
        response.on('error', () => resolve(0))
        response.on('end', () => {
          this.#whole += 1
          if (!path.startsWith('/short')) this.#count(`whole ${path}`)
          resolve(response.statusCode ?? 0)
        })
        response.resume()
      })
      asked.end()
    })
  }

  /** Keeps a message on its way; what comes back is what was sent. */
  webSocket(): void {
    const socket = new WebSocket(`${this.#life.url.replace('http', 'ws')}/ws`, {
      headers: { authorization: `Bearer ${this.#token}` },
    })
    this.#open.add(() => socket.close(1000))
    let expected = ''
    const send = (): void => {
      expected = randomUUID()
      socket.send(expected)
    }
    socket.on('open', () => {
      this.#opened += 1
      send()
    })
    socket.on('unexpected-response', (_, { statusCode = 0 }) => this.#note(undefined, statusCode))
    socket.on('message', (message: Buffer) => {
      if (message.toString() === expected) setTimeout(() => socket.readyState === 1 && send(), 2)
      else this.#count('another message')
    })
    socket.on('error', () => undefined)
    socket.on('close', (code) => {
      if (code === 1006) return
      this.#whole += 1
      this.#count(`close ${code}`)
    })
  }

  http2(path: string): void {
    const session = connectHttp2(this.#h2())
    session.on('error', () => undefined)
    this.#open.add(() => session.destroy())
    const stream = session.request({ ':path': path, authorization: `Bearer ${this.#token}` })
    stream.on('error', () => undefined)
    stream.on('response', (head) => {
      this.#opened += 1
      this.#note(head['content-type'], Number(head[':status']))
    })
    stream.on('end', () => {
      if (stream.rstCode !== 0) return
      this.#whole += 1
      this.#count(`whole ${path} over HTTP/2`)
    })
    stream.resume()
    stream.end()
  }

  grpc(): void {
    const client = makeGrpcClient(Number(new URL(this.#h2()).port)) as EchoClient
    this.#open.add(() => client.close())
    const call = client.Both(bearer(this.#token))
    call.on('error', () => undefined)
    call.on('data', () => setTimeout(() => call.write({ text: 'again' }), 2))
    call.on('status', ({ code }) => this.#count(`grpc ${code}`))
    call.write({ text: 'first' })
    this.#opened += 1
  }

  #h2(): string {
    const found = this.#life.addresses.find((each) => each.startsWith('h2 '))
    return found?.slice('h2 '.length) ?? ''
  }

  #note(type: string | undefined, status: number): void {
    if (status !== 200) this.#count(`${status}${type === undefined ? '' : ` ${type}`}`)
  }

  #count(reason: string): void {
    this.#reasons.set(reason, (this.#reasons.get(reason) ?? 0) + 1)
  }
}
