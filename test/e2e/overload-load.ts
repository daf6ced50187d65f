// Callers who do not wait for each other, as a process of its own: a request is due at its time,
// whatever became of the earlier ones, once all of them have a connection. Told an `Offered`; says
// how each was answered. Begins by saying at which port it is an upstream itself, of which nothing
// is asked but to answer at once.
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

export interface Offered {
  readonly port: number
  /** The whole request, as bytes in Latin-1. */
  readonly head: string
  readonly perSecond: number
  readonly seconds: number
  /** Those that find none free are not sent, and counted. */
  readonly connections: number
}

export interface Answered {
  /**
   * How often each status came; `broken` is a connection that ended without one, `unanswered` one
   * that was given up.
   */
  readonly statuses: Readonly<Record<string, number>>
  readonly retryAfter: number
  readonly unsent: number
  readonly tookSeconds: number
  readonly p50Ms: number
  readonly p99Ms: number
}

const TICK_MS = 2
const PATIENCE_MS = 60_000
/** How many connect at once: fewer than any queue of a listener holds, so that none tries twice. */
const CONNECTING_MAX = 64

const BODY = 'x'.repeat(1024)
const RESPONSE = `HTTP/1.1 200 OK\r\nContent-Length: ${BODY.length}\r\n\r\n${BODY}`

const upstream = createServer((socket) => {
  socket.on('error', () => undefined)
  // One request at a time, and none of them has a body.
  socket.on('data', (chunk: Buffer) => {
    if (chunk.subarray(-4).toString('latin1') === '\r\n\r\n') socket.write(RESPONSE)
  })
}).listen(0, '127.0.0.1', () => process.send?.((upstream.address() as AddressInfo).port))

process.on('message', (offered: Offered) => {
  void new Callers(offered).run().then((answered) => process.send?.(answered))
})

class Callers {
  readonly #offered: Offered
  readonly #free: Socket[] = []
  readonly #askedMs = new Map<Socket, number>()
  readonly #statuses: Record<string, number> = {}
  readonly #tookMs: number[] = []
  #open = 0
  #retryAfter = 0
  #unsent = 0

  constructor(offered: Offered) {
    this.#offered = offered
  }

  async run(): Promise<Answered> {
    const { perSecond, seconds } = this.#offered
    await this.#connectAll()
    const fromMs = performance.now()
    let due = 0
    while (due < perSecond * seconds) {
      const sinceMs = performance.now() - fromMs
      for (; due < Math.min(perSecond * seconds, (sinceMs / 1000) * perSecond); due += 1)
        this.#ask()
      await new Promise((resolve) => setTimeout(resolve, TICK_MS))
    }
    const tookSeconds = (performance.now() - fromMs) / 1000
    const untilMs = performance.now() + PATIENCE_MS
    while (this.#askedMs.size > 0 && performance.now() < untilMs) {
      await new Promise((resolve) => setTimeout(resolve, TICK_MS))
    }
    for (const socket of this.#free) socket.destroy()
    for (const socket of this.#askedMs.keys()) {
      this.#count('unanswered')
      socket.destroy()
    }
    this.#tookMs.sort((one, other) => one - other)
    const at = (share: number): number => {
      return Math.round(this.#tookMs[Math.floor(this.#tookMs.length * share)] ?? 0)
    }
    const counts = { statuses: this.#statuses, retryAfter: this.#retryAfter, unsent: this.#unsent }
    return { ...counts, tookSeconds, p50Ms: at(0.5), p99Ms: at(0.99) }
  }

  #ask(): void {
    const socket = this.#free.pop()
    if (socket === undefined) {
      this.#unsent += 1
      if (this.#open < this.#offered.connections) this.#connect()
      return
    }
    this.#askedMs.set(socket, performance.now())
    socket.write(this.#offered.head, 'latin1')
  }

  /** A crowd that is still connecting would be no load. */
  async #connectAll(): Promise<void> {
    const { connections } = this.#offered
    const untilMs = performance.now() + PATIENCE_MS
    while (this.#free.length < connections && performance.now() < untilMs) {
      const most = Math.min(connections, this.#free.length + CONNECTING_MAX)
      while (this.#open < most) this.#connect()
      await new Promise((resolve) => setTimeout(resolve, TICK_MS))
    }
  }

  #connect(): void {
    this.#open += 1
    const socket = connect(this.#offered.port, '127.0.0.1')
    socket.setNoDelay()
    socket.on('connect', () => this.#free.push(socket))
    let text = ''
    socket.setEncoding('latin1')
    socket.on('data', (chunk: string) => {
      text += chunk
      const end = text.indexOf('\r\n\r\n')
      if (end < 0) return
      const [, length = '0'] = /\r\ncontent-length: (\d+)/i.exec(text.slice(0, end)) ?? []
      if (text.length < end + 4 + Number(length)) return
      this.#note(socket, text.slice(0, end))
      if (/\r\nconnection: close/i.test(text.slice(0, end))) socket.destroy()
      else this.#free.push(socket)
      text = ''
    })
    socket.on('error', () => undefined)
    socket.on('close', () => {
      this.#open -= 1
      const at = this.#free.indexOf(socket)
      if (at >= 0) this.#free.splice(at, 1)
      if (this.#askedMs.delete(socket)) this.#count('broken')
    })
  }

  #note(socket: Socket, head: string): void {
    const status = head.slice('HTTP/1.1 '.length, 'HTTP/1.1 200'.length)
    this.#count(status)
    if (/\r\nretry-after: \d+/i.test(head)) this.#retryAfter += 1
    if (status === '200') this.#tookMs.push(performance.now() - (this.#askedMs.get(socket) ?? 0))
    this.#askedMs.delete(socket)
  }

  #count(status: string): void {
    this.#statuses[status] = (this.#statuses[status] ?? 0) + 1
  }
}
