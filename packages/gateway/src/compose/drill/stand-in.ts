import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** `answers`; `hangs`: takes requests and says nothing; `gone`: nobody listens. */
export type StandInMood = 'answers' | 'hangs' | 'gone'

/** What stands for every upstream of a drill: on this machine, and of no use to anybody else. */
export class StandIn {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #mood: StandInMood = 'answers'
  #port = 0
  /** Ids of the requests that reached it. */
  readonly received = new Set<string>()

  private constructor() {
    this.#server = createServer((request, response) => this.#answer(request, response))
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket))
    })
  }

  static async open(): Promise<StandIn> {
    const standIn = new StandIn()
    await standIn.#listen()
    return standIn
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`
  }

  async become(mood: StandInMood): Promise<void> {
    const before = this.#mood
    this.#mood = mood
    if (before === mood) return
    for (const socket of this.#sockets) socket.destroy()
    if (mood === 'gone') await this.#stopListening()
    else if (before === 'gone') await this.#listen()
  }

  async close(): Promise<void> {
    await this.become('gone')
  }

  async #listen(): Promise<void> {
    this.#server.listen(this.#port, '127.0.0.1')
    await once(this.#server, 'listening')
    const address = this.#server.address()
    if (typeof address === 'object' && address !== null) this.#port = address.port
  }

  async #stopListening(): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    await closed
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const id = request.headers['x-request-id']
    if (typeof id === 'string') this.received.add(id)
    request.on('error', () => response.destroy())
    request.resume()
    if (this.#mood === 'answers') response.end('drill\n')
  }
}
