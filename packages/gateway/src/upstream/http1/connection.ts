import { connect as connectPlain, type OnReadOpts, type Socket } from 'node:net'
import { type ConnectionOptions, connect as connectTls } from 'node:tls'
import type { Timer, Views } from '../../platform/index.ts'
import { UpstreamFault, type UpstreamReached } from '../types.ts'
import type { Http1Call } from './call.ts'
import type { HeadParser, ResponseHead } from './response-head.ts'
import { ResponseReader, type ResponseSink } from './response-reader.ts'

/** Where a connection goes, and how. */
export interface Http1Target {
  /** An address, or a name that the system resolves. */
  readonly host: string
  readonly port: number
  /** With it, TLS; whatever it says, the peer is verified and TLS is at least 1.2. */
  readonly tls?: ConnectionOptions | undefined
}

/** What a pool wants to know of its connections. */
export interface ConnectionOwner {
  readonly headBytesMax: number
  readonly heads: HeadParser
  /** Filled by every read, and not kept by any. */
  readonly readBuffer: Uint8Array
  /** Of it. */
  readonly readViews: Views<Buffer>
  ready(connection: Http1Connection): void
  free(connection: Http1Connection, keepAlive: string): void
  closed(connection: Http1Connection, fault: UpstreamFault): void
  /** Of the last handshake, where it may still stand for one. */
  get session(): Buffer | undefined
  set session(fresh: Buffer)
}

const INTERIM_RESPONSES_MAX = 16
const KEEP_ALIVE_PROBE_MS = 60_000
const UNKNOWN: UpstreamReached = { address: '', protocol: 'http/1.1', isReused: false }
const LET_GO = new UpstreamFault('upstream-aborted', 'let go')

/** One connection: one call at a time, and the next only when nothing is left of the last. */
export class Http1Connection implements ResponseSink {
  readonly #socket: Socket
  readonly #owner: ConnectionOwner
  readonly #reader: ResponseReader
  #call: Http1Call | undefined
  #isConnected = false
  /** A session of a handshake that is not verified yet. */
  #early: Buffer | undefined
  #isClosed = false
  #keepAlive = ''
  #isPersistent = false
  /** It has served a call, whole. */
  #isKept = false
  /** Something has come since the call began. */
  #hasHeard = false
  #reached: UpstreamReached = UNKNOWN
  #again: UpstreamReached = UNKNOWN
  /** Of the pool: in which sweep it is to go, where it is idle until then. */
  idleUntil = 0
  /** Of the pool: the one call that it was opened for. */
  reservedFor: Http1Call | undefined
  /** Of the pool: ends the wait for it. */
  connecting: Timer | undefined

  constructor(target: Http1Target, owner: ConnectionOwner, { isRaw = false } = {}) {
    this.#owner = owner
    const { headBytesMax, heads } = owner
    const limits = { headBytesMax, heads, interimsMax: INTERIM_RESPONSES_MAX }
    this.#reader = new ResponseReader(this, limits)
    this.#socket = this.#connect(target, isRaw)
    if (isRaw) this.#socket.on('data', this.#received)
    this.#socket.on('end', this.#ended)
    this.#socket.on('error', this.#broken)
    this.#socket.on('close', this.#gone)
    this.#socket.on('drain', this.#drained)
  }

  /** It was good for a call, at least once. */
  get wasReady(): boolean {
    return this.#isConnected
  }

  /** Sends the head of a request; its answer goes to `call`. */
  begin(call: Http1Call, head: string): void {
    this.#call = call
    this.#isPersistent = false
    this.#hasHeard = false
    this.#reader.expect(call.method, call.takesUpgrade)
    this.#socket.write(head, 'latin1')
    // Whoever hears of it may write its body at once.
    const reached = this.#reached
    this.#reached = this.#again
    call.reached(reached)
  }

  write(bytes: Uint8Array | string): boolean {
    return this.#socket.write(bytes, 'latin1')
  }

  cork(): void {
    this.#socket.cork()
  }

  uncork(): void {
    this.#socket.uncork()
  }

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  /** Closes it at once; a call that is going on is told nothing. */
  destroy(): void {
    this.#call = undefined
    this.#reader.stop()
    this.#socket.destroy()
    this.#close(LET_GO)
  }

  /** Closes it at once, with a fault for the call that is going on. */
  fail(fault: UpstreamFault): void {
    const call = this.#call
    this.#call = undefined
    this.#reader.stop()
    this.#socket.destroy()
    this.#close(fault)
    call?.failed(fault)
  }

  interim(status: number, fields: ResponseHead['fields']): void {
    this.#call?.interim(status, fields)
  }

  head(head: ResponseHead, isWhole: boolean): void {
    // What it has not read of the request when it answers, it may take for another one.
    this.#isPersistent = head.isPersistent && this.#socket.writableLength === 0
    this.#keepAlive = head.keepAlive
    this.#call?.head(head.status, head.fields, isWhole)
  }

  data(chunk: Uint8Array): void {
    this.#call?.data(chunk)
  }

  end(trailers: ResponseHead['fields'], hasMore: boolean): void {
    const call = this.#call
    this.#call = undefined
    if (call === undefined) return
    const isClean = this.#isPersistent && !hasMore && call.isSent && !call.takesUpgrade
    if (isClean && !this.#isClosed) this.#release(call)
    else this.destroy()
    call.ended(trailers)
  }

  upgraded(head: ResponseHead, rest: Uint8Array): void {
    const call = this.#call
    this.#call = undefined
    if (call === undefined) {
      this.destroy()
      return
    }
    const socket = this.#socket
    socket.pause()
    socket.off('data', this.#received).off('drain', this.#drained)
    socket.off('end', this.#ended).off('error', this.#broken).off('close', this.#gone)
    socket.once('close', () => this.#close(LET_GO))
    call.upgraded(head.status, head.fields, socket, rest)
  }

  malformed(why: string): void {
    this.fail(new UpstreamFault('upstream-protocol', why))
  }

  #release(call: Http1Call): void {
    if (call.isPaused) this.#socket.resume()
    this.#isKept = true
    this.#owner.free(this, this.#keepAlive)
  }

  #connect({ host, port, tls }: Http1Target, isRaw: boolean): Socket {
    const onread: OnReadOpts = {
      buffer: this.#owner.readBuffer,
      callback: (length) => {
        this.#received(this.#owner.readViews.upTo(length))
        return this.#call?.isPaused !== true
      },
    }
    const options = {
      host,
      port,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE_PROBE_MS,
      ...(isRaw ? {} : { onread }),
    }
    if (tls === undefined) return connectPlain(options, () => this.#connected())
    const { session } = this.#owner
    const socket = connectTls(
      {
        ...tls,
        ...options,
        ...(session === undefined ? {} : { session }),
        ALPNProtocols: ['http/1.1'],
        minVersion: tls.minVersion === 'TLSv1.3' ? 'TLSv1.3' : 'TLSv1.2',
        rejectUnauthorized: true,
      },
      () => this.#connected(),
    )
    // What is resumed is not verified again: only a peer that was verified is.
    socket.on('session', (fresh) => {
      if (this.#isConnected) this.#owner.session = fresh
      else this.#early = fresh
    })
    return socket
  }

  #connected(): void {
    this.#isConnected = true
    if (this.#early !== undefined) this.#owner.session = this.#early
    const { remoteAddress = '', remotePort } = this.#socket
    const host = remoteAddress.includes(':') ? `[${remoteAddress}]` : remoteAddress
    this.#reached = { ...UNKNOWN, address: `${host}:${remotePort}` }
    this.#again = { ...this.#reached, isReused: true }
    this.#owner.ready(this)
  }

  readonly #received = (bytes: Buffer): void => {
    if (bytes.length === 0) return
    this.#hasHeard = true
    this.#reader.push(bytes)
  }

  /** What is whole only at the end of the connection is whole now; anything else is broken off. */
  readonly #ended = (): void => {
    if (!this.#reader.finish()) this.#broken(new Error('the upstream ended the connection'))
  }

  readonly #gone = (): void => this.#broken(new Error('the connection was closed'))

  readonly #drained = (): void => this.#call?.drained()

  readonly #broken = (cause: Error): void => {
    const isUnsent = !this.#isConnected
    const reason = isUnsent ? 'upstream-unreachable' : 'upstream-aborted'
    const isStale = this.#isKept && !this.#hasHeard
    if (!this.#isClosed) this.fail(new UpstreamFault(reason, cause, { isUnsent, isStale }))
  }

  #close(fault: UpstreamFault): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#owner.closed(this, fault)
  }
}
