import { type Clock, Views } from '../../platform/index.ts'
import {
  type UpstreamCall,
  type UpstreamClient,
  UpstreamFault,
  type UpstreamHandler,
  type UpstreamRequest,
} from '../types.ts'
import { Http1Call } from './call.ts'
import { type ConnectionOwner, Http1Connection, type Http1Target } from './connection.ts'
import { formatHead } from './request-head.ts'
import { HeadParser } from './response-head.ts'

export interface Http1ClientOptions extends Http1Target {
  readonly clock: Clock
  /** Calls beyond it wait for their turn. */
  readonly connectionsMax: number
  /** Until a connection, TLS included, must stand. */
  readonly connectMs: number
  /** How long a connection may wait for its next call; less where the upstream says so. */
  readonly idleMs?: number
}

const HEAD_BYTES_MAX = 64 * 1024
const READ_BYTES = 64 * 1024
const IDLE_MS = 4000
const SWEEP_EVERY_MS = 500
/** After it a certificate is looked at again, with its time and the lists of the revoked. */
const RESUMED_MS_MAX = 600_000
/** An upstream that says when it closes an idle connection is not put to the test. */
const HINT_MARGIN_MS = 1000

/** HTTP/1.1 to one target: kept connections, one exchange at a time on each, nothing sent twice. */
export class Http1Client implements UpstreamClient, ConnectionOwner {
  readonly headBytesMax = HEAD_BYTES_MAX
  readonly heads: HeadParser = new HeadParser()
  readonly readBuffer: Buffer = Buffer.allocUnsafeSlow(READ_BYTES)
  readonly readViews: Views<Buffer> = new Views(this.readBuffer)
  #session: Buffer | undefined
  #verifiedMs = 0
  readonly #options: Http1ClientOptions
  readonly #idleSweeps: number
  readonly #connections = new Set<Http1Connection>()
  /** The one that was used last is used next, so that those that are not needed go. */
  readonly #idle: Http1Connection[] = []
  #waiting: Http1Call[] = []
  #opening = 0
  #sweep = 0
  #isSweeping = false
  #whenEmpty: (() => void) | undefined

  constructor(options: Http1ClientOptions) {
    this.#options = options
    this.#idleSweeps = Math.floor((options.idleMs ?? IDLE_MS) / SWEEP_EVERY_MS)
  }

  /** A certificate is not shown again with it: what is resumed was verified a while ago at most. */
  get session(): Buffer | undefined {
    if (this.#options.clock.ticksMs() - this.#verifiedMs > RESUMED_MS_MAX) this.#session = undefined
    return this.#session
  }

  set session(fresh: Buffer) {
    if (this.#session === undefined) this.#verifiedMs = this.#options.clock.ticksMs()
    this.#session = fresh
  }

  call(request: UpstreamRequest, handler: UpstreamHandler): UpstreamCall {
    const head = formatHead(request)
    const call = new Http1Call(request, head ?? '', handler)
    const refused = this.#refusal(head)
    if (refused !== undefined) {
      queueMicrotask(() => call.failed(refused))
      return call
    }
    // Where one kept connection was closed, the others may be.
    const isNew = call.takesUpgrade || request.isAgain === true
    const connection = isNew ? undefined : this.#idle.pop()
    if (connection === undefined) this.#wait(call)
    else call.begin(connection)
    return call
  }

  async close(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#whenEmpty = resolve
    for (const connection of this.#idle.slice()) connection.destroy()
    this.#settle()
    await promise
  }

  async destroy(): Promise<void> {
    this.#whenEmpty ??= () => undefined
    const fault = new UpstreamFault('upstream-aborted', 'the client was closed')
    const waiting = this.#waiting
    this.#waiting = []
    for (const call of waiting) call.failed(fault)
    for (const connection of this.#connections) connection.fail(fault)
    this.#settle()
  }

  ready(connection: Http1Connection): void {
    connection.connecting?.cancel()
    const { reservedFor } = connection
    if (reservedFor === undefined) {
      this.#opening -= 1
      this.free(connection, '')
    } else if (reservedFor.isOver) connection.destroy()
    else reservedFor.begin(connection)
  }

  free(connection: Http1Connection, keepAlive: string): void {
    const call = this.#nextWaiting()
    if (call === undefined) this.#keep(connection, this.#sweepsOf(keepAlive))
    else if (!call.takesUpgrade) call.begin(connection)
    else {
      // What switches protocols gets a connection of its own, which there is room for now.
      this.#waiting.unshift(call)
      connection.destroy()
    }
  }

  #keep(connection: Http1Connection, idleSweeps: number): void {
    if (idleSweeps < 1 || this.#whenEmpty !== undefined) {
      connection.destroy()
      return
    }
    connection.idleUntil = this.#sweep + idleSweeps
    this.#idle.push(connection)
    if (!this.#isSweeping) this.#sweepLater()
  }

  closed(connection: Http1Connection, fault: UpstreamFault): void {
    this.#connections.delete(connection)
    const at = this.#idle.indexOf(connection)
    if (at !== -1) this.#idle.splice(at, 1)
    connection.connecting?.cancel()
    if (!connection.wasReady) {
      if (connection.reservedFor === undefined) this.#opening -= 1
      const call = connection.reservedFor ?? this.#nextWaiting()
      call?.failed(fault)
    }
    this.#openMore()
    this.#settle()
  }

  #refusal(head: string | undefined): UpstreamFault | undefined {
    const isUnsent = true
    if (head === undefined) {
      return new UpstreamFault('internal-error', 'no such head can be sent', { isUnsent })
    }
    if (this.#whenEmpty === undefined) return undefined
    return new UpstreamFault('upstream-aborted', 'the client was closed', { isUnsent })
  }

  #wait(call: Http1Call): void {
    this.#waiting.push(call)
    // An idle connection has been read from by us: what switches protocols gets one that has not.
    if (this.#connections.size >= this.#options.connectionsMax) this.#idle.pop()?.destroy()
    this.#openMore()
  }

  /** As many connections as calls wait for, within the limit. */
  #openMore(): void {
    while (this.#connections.size < this.#options.connectionsMax) {
      this.#waiting = this.#waiting.filter(({ isOver }) => !isOver)
      const at = this.#waiting.findIndex(({ takesUpgrade }) => takesUpgrade)
      if (at !== -1) this.#open(this.#waiting.splice(at, 1)[0])
      else if (this.#opening < this.#waiting.length) this.#open(undefined)
      else return
    }
  }

  #open(reservedFor: Http1Call | undefined): void {
    const connection = new Http1Connection(this.#options, this, {
      isRaw: reservedFor !== undefined,
    })
    connection.reservedFor = reservedFor
    this.#connections.add(connection)
    if (reservedFor === undefined) this.#opening += 1
    const { clock, connectMs } = this.#options
    connection.connecting = clock.after(connectMs, () => {
      const cause = Object.assign(new Error('no connection in time'), { code: 'CONNECT_TIMEOUT' })
      connection.fail(new UpstreamFault('upstream-unreachable', cause, { isUnsent: true }))
    })
  }

  #nextWaiting(): Http1Call | undefined {
    for (;;) {
      const call = this.#waiting.shift()
      if (call === undefined || !call.isOver) return call
    }
  }

  #sweepsOf(keepAlive: string): number {
    const seconds = keepAlive === '' ? undefined : /timeout=(\d{1,6})/i.exec(keepAlive)?.[1]
    if (seconds === undefined) return this.#idleSweeps
    const hinted = Math.floor((Number(seconds) * 1000 - HINT_MARGIN_MS) / SWEEP_EVERY_MS)
    return Math.min(this.#idleSweeps, hinted)
  }

  /** One timer for all that are idle, and none while none is. */
  #sweepLater(): void {
    this.#isSweeping = true
    this.#options.clock.after(SWEEP_EVERY_MS, () => {
      this.#sweep += 1
      this.#isSweeping = false
      const due = this.#idle.filter(({ idleUntil }) => idleUntil <= this.#sweep)
      for (const connection of due) connection.destroy()
      if (this.#idle.length > 0 && !this.#isSweeping) this.#sweepLater()
    })
  }

  #settle(): void {
    if (this.#connections.size === 0 && this.#waiting.every(({ isOver }) => isOver)) {
      this.#whenEmpty?.()
    }
  }
}
