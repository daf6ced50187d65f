import { type IncomingMessage, ServerResponse, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { Reason } from '@countersign/evidence'
import type { Inbound, Outbound, Peer, ResponseHead, Switched } from '../exchange.ts'
import { nodeInbound, nodeOutbound } from '../node-exchange.ts'

interface Parts {
  readonly request: IncomingMessage
  readonly socket: Socket
  /** What came behind the request already. */
  readonly first: Uint8Array
  readonly peer: Peer
  /** Of what comes before the protocol is another one. */
  readonly earlyBytesMax: number
  /** The connection goes on as it was: bytes from here on are HTTP. */
  readonly stay: (socket: Socket) => void
}

/**
 * A request to change protocols, with its connection, which the HTTP engine has let go of. What the
 * client sends before it is answered is kept, up to a bound, and is for the new protocol alone: if
 * there will be none, it is never read as a request.
 */
export class UpgradeExchange {
  readonly inbound: Inbound
  readonly outbound: Outbound
  readonly #parts: Parts
  readonly #response: ServerResponse
  readonly #lost: ((reason: Reason) => void)[] = []
  #early: Uint8Array[] = []
  #earlyBytes = 0
  #phase: 'asked' | 'answering' | 'over' = 'asked'
  #lostFor: Reason | undefined

  constructor(parts: Parts) {
    const { request, socket, first, peer } = parts
    this.#parts = parts
    const response = new ServerResponse(request)
    this.#response = response
    const body = { next: async () => ({ done: true, value: undefined }) as const }
    const isComplete = (): boolean => true
    this.inbound = { ...nodeInbound(request, response, peer, false), body, isComplete }
    const outbound = nodeOutbound(response)
    this.outbound = {
      ...outbound,
      begin: (head) => this.#begin(outbound, head),
      end: async (last, trailers) => {
        await outbound.end(last, trailers)
        this.#ended()
      },
      destroy: () => {
        this.#phase = 'over'
        socket.destroy()
      },
      switchTo: (head) => this.#switch(head),
    }
    this.#keep(first)
    // What the engine does about silence between two requests is not for this.
    socket.removeAllListeners('timeout')
    socket.on('data', this.#onData)
    socket.on('end', this.#onEnd)
    socket.on('error', this.#onError)
    socket.once('close', this.#onEnd)
    socket.resume()
  }

  /** Calls `listener` when the client leaves, or sends more than may wait, before the end. */
  onLost(listener: (reason: Reason) => void): void {
    if (this.#lostFor === undefined) this.#lost.push(listener)
    else listener(this.#lostFor)
  }

  readonly #onData = (chunk: Uint8Array): void => this.#keep(chunk)
  readonly #onEnd = (): void => this.#lose('client-aborted')
  /** `close` follows. */
  readonly #onError = (): void => undefined

  #keep(chunk: Uint8Array): void {
    if (chunk.length === 0) return
    this.#early.push(chunk)
    this.#earlyBytes += chunk.length
    if (this.#earlyBytes <= this.#parts.earlyBytesMax) return
    this.#parts.socket.pause()
    this.#lose('handshake-malformed')
  }

  #lose(reason: Reason): void {
    if (this.#phase === 'over' || this.#lostFor !== undefined) return
    this.#lostFor = reason
    for (const tell of this.#lost) tell(reason)
  }

  #begin(outbound: Outbound, head: ResponseHead): void {
    const { socket } = this.#parts
    if (socket.destroyed) return
    this.#phase = 'answering'
    this.#response.assignSocket(socket)
    // What came early was not meant as a request: nothing more is read of this connection.
    const isLast = head.isLast || this.#earlyBytes > 0 || this.#lostFor !== undefined
    this.#response.shouldKeepAlive = !isLast
    outbound.begin({ ...head, isLast })
    if (!isLast) return
    this.#early = []
    socket.pause()
  }

  /** The answer is sent, and it was no other protocol. */
  #ended(): void {
    const { socket, stay } = this.#parts
    if (this.#phase !== 'answering' || socket.destroyed) return
    this.#phase = 'over'
    this.#response.detachSocket(socket)
    if (!this.#response.shouldKeepAlive) {
      socket.destroySoon()
      return
    }
    socket.pause()
    this.#letGo()
    const [...rest] = this.#early
    if (rest.length > 0) socket.unshift(Buffer.concat(rest))
    stay(socket)
    socket.resume()
  }

  #switch({ status, fields }: Omit<ResponseHead, 'isLast'>): Switched {
    const { socket } = this.#parts
    this.#phase = 'over'
    socket.pause()
    this.#letGo()
    // Whoever takes it listens for what goes wrong with it from here on.
    const lines = fields.map(([name, value]) => `${name}: ${value}`)
    const head = [`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`, ...lines, '', '']
    if (socket.writable) socket.write(head.join('\r\n'), 'latin1')
    return { stream: socket, early: Buffer.concat(this.#early) }
  }

  #letGo(): void {
    const { socket } = this.#parts
    socket.off('data', this.#onData)
    socket.off('end', this.#onEnd)
    socket.off('error', this.#onError)
    socket.off('close', this.#onEnd)
  }
}
