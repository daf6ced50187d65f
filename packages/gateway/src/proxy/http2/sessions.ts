import type { Socket } from 'node:net'
import type { Clock } from '../../platform/index.ts'
import type { Peer } from '../exchange.ts'
import { ClientSession, type SessionHost } from './client-session.ts'

const CHECK_EVERY_MS = 1000
/** What a connection has to take the last frames, after the last exchange. */
const LET_GO_MS = 1000

/** The HTTP/2 connections of one listener. */
export class ClientSessions {
  readonly #host: SessionHost
  readonly #sessions = new Set<ClientSession>()
  #isDraining = false
  #isChecking = false
  #whenEmpty: (() => void) | undefined

  constructor(host: SessionHost) {
    this.#host = host
  }

  get size(): number {
    return this.#sessions.size
  }

  open(socket: Socket, peer: Peer): void {
    const session = new ClientSession(socket, peer, this.#host)
    this.#sessions.add(session)
    socket.once('close', () => {
      this.#sessions.delete(session)
      if (this.#sessions.size === 0) this.#whenEmpty?.()
    })
    if (this.#isDraining) session.drain()
    if (!this.#isChecking) this.#checkLater(this.#host.clock)
  }

  /** GOAWAY on every connection that is open now; one that comes may ask first. */
  sayLastCall(): void {
    for (const session of this.#sessions) session.drain()
  }

  /** GOAWAY on every connection; those without a stream end at once. */
  drain(): void {
    this.#isDraining = true
    for (const session of this.#sessions) session.drain()
  }

  /** Resolves when every connection is gone; those that do not let go are broken. */
  async close(): Promise<void> {
    if (this.#sessions.size === 0) return
    const gone = new Promise<void>((resolve) => {
      this.#whenEmpty = resolve
    })
    const patience = this.#host.clock.after(LET_GO_MS, () => {
      for (const session of this.#sessions) session.destroy()
    })
    await gone
    patience.cancel()
  }

  /** One timer for all of them, and none while there are none. */
  #checkLater(clock: Clock): void {
    this.#isChecking = true
    clock.after(CHECK_EVERY_MS, () => {
      for (const session of this.#sessions) session.check()
      this.#isChecking = false
      if (this.#sessions.size > 0) this.#checkLater(clock)
    })
  }
}
