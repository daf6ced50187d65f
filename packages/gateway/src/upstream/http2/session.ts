import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  type SecureClientSessionOptions,
} from 'node:http2'
import { connect as connectPlain, type Socket } from 'node:net'
import { type ConnectionOptions, connect as connectTls, TLSSocket } from 'node:tls'
import type { Clock, Timer } from '../../platform/index.ts'
import { UpstreamFault, type UpstreamReached } from '../types.ts'
import { type CallSession, type Http2Call, UNSENT } from './call.ts'

export interface Http2Target {
  /** An address, or a name that the system resolves. */
  readonly host: string
  readonly port: number
  /** With it, TLS; whatever it says, the peer is verified and TLS is at least 1.2. */
  readonly tls?: ConnectionOptions | undefined
  readonly clock: Clock
  readonly connectMs: number
  readonly streamsMax: number
}

/** What a session tells whoever has it. */
export interface SessionOwner {
  /** There is room for another call. */
  free(): void
  closed(session: UpstreamSession, fault: UpstreamFault): void
  /** The peer chose HTTP/1.1; undefined where that is a fault. */
  readonly otherProtocol?: (() => void) | undefined
}

const KEEP_ALIVE_PROBE_MS = 60_000
const HEAD_BYTES_MAX = 64 * 1024
const HEAD_PAIRS_MAX = 1000
const WINDOW_BYTES = 256 * 1024
const SESSION_WINDOW_BYTES = 4 * 1024 * 1024
const LEFT = new UpstreamFault('upstream-aborted', 'let go', UNSENT)

/** One HTTP/2 connection to an upstream. */
export class UpstreamSession implements CallSession {
  readonly scheme: 'http' | 'https'
  readonly #target: Http2Target
  readonly #owner: SessionOwner
  readonly #socket: Socket
  readonly #connecting: Timer
  #session: ClientHttp2Session | undefined
  #calls = 0
  #served = 0
  #hasClosed = false
  /** The peer has said how many streams it takes. */
  #isSettled = false
  #isLeaving = false
  #hasRefused = false
  #pingSentMs: number | undefined
  /** When something last came, or a call began. */
  heardMs: number

  constructor(target: Http2Target, owner: SessionOwner) {
    this.#target = target
    this.#owner = owner
    this.scheme = target.tls === undefined ? 'http' : 'https'
    this.heardMs = target.clock.ticksMs()
    this.#connecting = target.clock.after(target.connectMs, () => {
      const late = Object.assign(new Error('connecting took too long'), { code: 'CONNECT_TIMEOUT' })
      this.#close(new UpstreamFault('upstream-unreachable', late, UNSENT))
    })
    this.#socket = this.#connect()
    this.#socket.on('error', (cause) => {
      if (this.#session === undefined) {
        this.#close(new UpstreamFault('upstream-unreachable', cause, UNSENT))
      }
    })
    this.#socket.on('close', () =>
      this.#close(new UpstreamFault('upstream-aborted', 'closed', UNSENT)),
    )
  }

  get isReady(): boolean {
    return this.#isSettled && !this.#isLeaving
  }

  /** The connection was there once, whatever has become of it. */
  get wasReady(): boolean {
    return this.#isSettled
  }

  get calls(): number {
    return this.#calls
  }

  get hasRoom(): boolean {
    return this.isReady && this.#calls < this.#roomMax()
  }

  /** The peer says that it takes no stream at all. */
  get takesNone(): boolean {
    return this.isReady && this.#roomMax() === 0
  }

  get hasRefused(): boolean {
    return this.#hasRefused
  }

  get reached(): UpstreamReached {
    const { remoteAddress: address = this.#target.host, remotePort: port } = this.#socket
    const host = address.includes(':') ? `[${address}]` : address
    return {
      address: `${host}:${port ?? this.#target.port}`,
      protocol: 'h2',
      isReused: this.#served > 0,
    }
  }

  take(call: Http2Call): void {
    this.#calls += 1
    this.heardMs = this.#target.clock.ticksMs()
    const stream = this.#begin(call)
    this.#served += 1
    if (stream === undefined) this.#left()
    else stream.once('close', () => this.#left())
  }

  open(
    head: string[],
    options: { endStream: boolean; waitForTrailers: boolean },
  ): ClientHttp2Stream {
    if (this.#session === undefined) throw new Error('the session is not there')
    return this.#session.request(head, options)
  }

  refused(): void {
    this.#hasRefused = true
  }

  /** Takes no more calls; ends with the last one. */
  leave(): void {
    this.#isLeaving = true
    if (this.#calls === 0) this.#close(LEFT)
    else if (this.#session?.destroyed === false) this.#session.close()
  }

  destroy(fault: UpstreamFault): void {
    this.#close(fault)
  }

  /** Asks whether the peer lives where nothing was heard of it; breaks with one that is dead. */
  probe(nowMs: number, { silentMs, answerMs }: { silentMs: number; answerMs: number }): void {
    const session = this.#session
    if (session === undefined || session.destroyed || this.#calls === 0) return
    if (this.#pingSentMs !== undefined) {
      if (nowMs - this.#pingSentMs > answerMs) {
        this.#close(new UpstreamFault('upstream-timeout', 'no answer to a ping'))
      }
    } else if (nowMs - this.heardMs > silentMs) {
      this.#pingSentMs = nowMs
      session.ping((error) => {
        this.#pingSentMs = undefined
        if (error === null) this.heardMs = this.#target.clock.ticksMs()
      })
    }
  }

  #begin(call: Http2Call): ClientHttp2Stream | undefined {
    try {
      return call.begin(this)
    } catch (cause) {
      call.failed(new UpstreamFault('upstream-aborted', cause, UNSENT))
      return undefined
    }
  }

  #left(): void {
    this.#calls -= 1
    this.heardMs = this.#target.clock.ticksMs()
    if (this.hasRoom) this.#owner.free()
    // The engine would wait for the peer to close, and have its place for as long as that takes.
    else if (this.#isLeaving && this.#calls === 0) this.#close(LEFT)
  }

  #roomMax(): number {
    const theirs = this.#session?.remoteSettings.maxConcurrentStreams ?? this.#target.streamsMax
    return Math.min(theirs, this.#target.streamsMax)
  }

  #connect(): Socket {
    const { host, port, tls } = this.#target
    const options = { host, port, noDelay: true, keepAlive: true }
    const at = { ...options, keepAliveInitialDelay: KEEP_ALIVE_PROBE_MS }
    if (tls === undefined) {
      const socket = connectPlain(at, () => this.#connected())
      return socket
    }
    const ALPNProtocols = this.#owner.otherProtocol === undefined ? ['h2'] : ['h2', 'http/1.1']
    return connectTls(
      {
        ...at,
        ...tls,
        ALPNProtocols,
        rejectUnauthorized: true,
        minVersion: tls.minVersion === 'TLSv1.3' ? 'TLSv1.3' : 'TLSv1.2',
      },
      () => this.#connected(),
    )
  }

  #connected(): void {
    const socket = this.#socket
    if (this.#hasClosed) return
    if (socket instanceof TLSSocket && socket.alpnProtocol !== 'h2') {
      if (this.#owner.otherProtocol !== undefined) this.#owner.otherProtocol()
      this.#close(new UpstreamFault('upstream-protocol', 'HTTP/2 was not agreed on', UNSENT))
      return
    }
    const session = connect(`${this.scheme}://upstream.invalid`, sessionOptions(socket))
    this.#session = session
    session.on('error', (cause) => {
      this.#close(new UpstreamFault(protocolFault(cause), cause, { isUnsent: !this.#isSettled }))
    })
    session.on('goaway', () => {
      // Streams that it did not look at end with REFUSED_STREAM; the others go on.
      this.leave()
    })
    session.on('close', () => {
      const isUnsent = !this.#isSettled
      this.#close(new UpstreamFault('upstream-aborted', 'closed', { isUnsent }))
    })
    session.on('remoteSettings', () => {
      this.#connecting.cancel()
      if (!this.#isSettled) session.setLocalWindowSize(SESSION_WINDOW_BYTES)
      this.#isSettled = true
      this.heardMs = this.#target.clock.ticksMs()
      this.#owner.free()
    })
  }

  #close(fault: UpstreamFault): void {
    if (this.#hasClosed) return
    this.#hasClosed = true
    this.#isLeaving = true
    this.#connecting.cancel()
    this.#session?.destroy()
    this.#socket.destroy()
    this.#owner.closed(this, fault)
  }
}

function sessionOptions(socket: Socket): SecureClientSessionOptions {
  const options = {
    createConnection: () => socket,
    // Node's types leave it out: what is said twice is passed on as it was said.
    strictSingleValueFields: false,
    maxHeaderListPairs: HEAD_PAIRS_MAX,
    settings: {
      enablePush: false,
      initialWindowSize: WINDOW_BYTES,
      maxHeaderListSize: HEAD_BYTES_MAX,
    },
  }
  return options
}

function protocolFault(cause: Error & { readonly code?: string }) {
  return cause.code === 'ERR_HTTP2_ERROR' ? 'upstream-protocol' : 'upstream-aborted'
}
