// What stands behind the gateway under load: it answers, streams events, and remembers whose
// requests reached it, in a process that no fault of the gateway can reach.
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

const EVENT_EVERY_MS = 50

export class Upstream {
  readonly #server: Server
  readonly #events = new Set<ServerResponse>()
  readonly #timer: NodeJS.Timeout
  /** Ids of exchanges. */
  readonly received = new Set<string>()

  private constructor() {
    this.#server = createServer((request, response) => this.#answer(request, response))
    this.#server.keepAliveTimeout = 120_000
    this.#timer = setInterval(() => {
      for (const response of this.#events) response.write('data: tick\n\n')
    }, EVENT_EVERY_MS)
  }

  static async open(): Promise<Upstream> {
    const upstream = new Upstream()
    upstream.#server.listen(0, '127.0.0.1')
    await once(upstream.#server, 'listening')
    return upstream
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const id = request.headers['x-request-id']
    if (typeof id === 'string') this.received.add(id)
    response.on('error', () => undefined)
    request.on('error', () => response.destroy())
    if (request.url?.startsWith('/events') === true) {
      this.#stream(response)
      return
    }
    let bytes = 0
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length
    })
    request.on('end', () => {
      const body = JSON.stringify({ bytes, filler: 'x'.repeat(900) })
      response.writeHead(200, { 'content-type': 'application/json' }).end(body)
    })
  }

  #stream(response: ServerResponse): void {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write('data: open\n\n')
    this.#events.add(response)
    response.once('close', () => this.#events.delete(response))
  }
}
