import { fullFault } from '../fault-words.ts'
import {
  type UpstreamCall,
  type UpstreamClient,
  UpstreamFault,
  type UpstreamHandler,
  type UpstreamRequest,
} from '../types.ts'
import { Http2Call, UNSENT } from './call.ts'
import { type Http2Target, type SessionOwner, UpstreamSession } from './session.ts'

export interface Http2ClientOptions extends Omit<Http2Target, 'streamsMax'> {
  readonly connectionsMax: number
  readonly streamsMax?: number
  /** How long a call waits for room on connections that are there. */
  readonly waitMs?: number
  /** How long a connection may have no call. */
  readonly idleMs?: number
  /** Silence of the upstream after which it is asked whether it lives. */
  readonly pingMs?: number
  /** Called where the upstream chose HTTP/1.1; without it that is a fault. */
  readonly otherProtocol?: (() => void) | undefined
}

const STREAMS_MAX = 100
const WAIT_MS = 5000
const IDLE_MS = 30_000
const PING_MS = 15_000
const PING_ANSWER_MS = 10_000
const SWEEP_EVERY_MS = 1000

/** HTTP/2 to one target: few connections, many calls on each, nothing sent twice. */
export class Http2Client implements UpstreamClient, SessionOwner {
  readonly otherProtocol: (() => void) | undefined
  readonly #options: Http2ClientOptions
  readonly #target: Http2Target
  readonly #sessions = new Set<UpstreamSession>()
  #waiting: Http2Call[] = []
  #isSweeping = false
  #whenEmpty: (() => void) | undefined

  constructor(options: Http2ClientOptions) {
    this.#options = options
    this.otherProtocol = options.otherProtocol
    this.#target = { ...options, streamsMax: options.streamsMax ?? STREAMS_MAX }
  }

  call(request: UpstreamRequest, handler: UpstreamHandler): UpstreamCall {
    const call = new Http2Call(request, handler)
    if (this.#whenEmpty !== undefined) {
      const fault = new UpstreamFault('upstream-aborted', 'the client was closed', UNSENT)
      queueMicrotask(() => call.failed(fault))
    } else if (request.upgrade !== undefined) {
      const fault = new UpstreamFault('upgrade-refused', 'not over HTTP/2', UNSENT)
      queueMicrotask(() => call.failed(fault))
    } else {
      this.#waiting.push(call)
      queueMicrotask(() => this.free())
    }
    return call
  }

  async close(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#whenEmpty = resolve
    for (const session of this.#sessions) if (this.#waiting.length === 0) session.leave()
    this.#settle()
    await promise
  }

  async destroy(): Promise<void> {
    this.#whenEmpty ??= () => undefined
    const fault = new UpstreamFault('upstream-aborted', 'the client was closed')
    for (const call of this.#waiting.splice(0)) call.failed(fault)
    for (const session of this.#sessions) session.destroy(fault)
    this.#settle()
  }

  /** Gives calls that wait to connections that have room, or opens another one. */
  free(): void {
    this.#waiting = this.#waiting.filter(({ isOver }) => !isOver)
    for (const session of this.#sessions) {
      while (session.hasRoom) {
        const call = this.#nextFor(session)
        if (call === undefined) break
        session.take(call)
      }
    }
    if (this.#waiting.length > 0) {
      if (this.#hasReady()) this.#boundWait()
      this.#openOne()
    } else if (this.#whenEmpty !== undefined) {
      for (const session of this.#sessions) session.leave()
    }
  }

  /** What a connection has refused goes to another one, where there is one or may be. */
  #nextFor(session: UpstreamSession): Http2Call | undefined {
    if (!session.hasRefused || !this.#mayOpenAnother()) return this.#waiting.shift()
    const at = this.#waiting.findIndex(({ isAgain }) => !isAgain)
    return at === -1 ? undefined : this.#waiting.splice(at, 1)[0]
  }

  /** Connections that refuse are no reason for more than one beside them. */
  #mayOpenAnother(): boolean {
    let refusing = 0
    for (const { isReady, hasRefused } of this.#sessions) if (isReady && hasRefused) refusing += 1
    return refusing < 2 && this.#mayOpen()
  }

  /** A target that takes no streams now takes none on another connection either. */
  #mayOpen(): boolean {
    if (this.#sessions.size >= this.#options.connectionsMax) return false
    for (const { takesNone } of this.#sessions) if (takesNone) return false
    return true
  }

  #hasReady(): boolean {
    for (const { isReady } of this.#sessions) if (isReady) return true
    return false
  }

  /** Until a connection was there once, it is the time for connecting that ends the wait. */
  #boundWait(): void {
    const { clock, waitMs = WAIT_MS } = this.#options
    for (const call of this.#waiting) {
      call.waiting ??= clock.after(waitMs, () => {
        call.failed(fullFault('no connection had room for one more stream in time'))
        this.#waiting = this.#waiting.filter(({ isOver }) => !isOver)
        this.#settle()
      })
    }
  }

  closed(session: UpstreamSession, fault: UpstreamFault): void {
    const wasReady = session.wasReady
    this.#sessions.delete(session)
    // Nobody could be reached: whoever waited for that hears it; others get another connection.
    if (!wasReady) for (const call of this.#waiting.splice(0)) call.failed(fault)
    else if (this.#waiting.length > 0) {
      this.#boundWait()
      this.free()
    }
    this.#settle()
  }

  /** One at a time: the calls that wait for it may all fit on it. */
  #openOne(): void {
    const isOpening = [...this.#sessions].some(({ wasReady }) => !wasReady)
    if (isOpening || !this.#mayOpen()) return
    this.#sessions.add(new UpstreamSession(this.#target, this))
    if (!this.#isSweeping) this.#sweepLater()
  }

  #sweepLater(): void {
    this.#isSweeping = true
    const { clock, idleMs = IDLE_MS, pingMs: silentMs = PING_MS } = this.#options
    clock.after(SWEEP_EVERY_MS, () => {
      const nowMs = clock.ticksMs()
      for (const session of this.#sessions) {
        session.probe(nowMs, { silentMs, answerMs: PING_ANSWER_MS })
        if (session.calls === 0 && session.wasReady && nowMs - session.heardMs > idleMs) {
          session.leave()
        }
      }
      this.#isSweeping = false
      if (this.#sessions.size > 0) this.#sweepLater()
    })
  }

  #settle(): void {
    if (this.#sessions.size === 0 && this.#waiting.length === 0) this.#whenEmpty?.()
  }
}
