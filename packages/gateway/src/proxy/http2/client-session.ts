import {
  constants,
  performServerHandshake,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2'
import type { Socket } from 'node:net'
import type { Reason } from '@countersign/evidence'
import { type Limits, Meter, Rate } from '../../limits/index.ts'
import type { Clock } from '../../platform/index.ts'
import type { Peer } from '../exchange.ts'
import { pairFields } from '../header-fields.ts'
import { NO_SEAT, Roster, type Rostered } from '../roster.ts'
import { engineOptions, faultOf } from './engine.ts'
import { StreamExchange } from './stream-exchange.ts'

const SECOND_MS = 1000
/** How often it is looked whether an answer is on its way, whose request goes on. */
const ANSWER_CHECK_MS = 20
const SECOND_US = 1_000_000
/** Streams of a client have odd numbers. */
const STREAM_STEP = 2
/** What a client sends back for the bytes it gets: windows and acknowledgements. */
const WRITTEN_PER_CONTROL_BYTE = 64
const FRAME_HEAD_BYTES = 9
/** A frame of as little as a message of gRPC brings its own head with it; crumbs pay for theirs. */
const HEAD_PER_BODY_BYTE = 2

/** A request whose body may wait to be read. */
interface OpenStream extends Rostered {
  readonly stream: ServerHttp2Stream
}

/** What a session needs of its listener. */
export interface SessionHost {
  readonly clock: Clock
  limits(): Limits
  /** Whether a connection that opens now may carry other protocols on its streams (RFC 8441). */
  takesExtendedConnect(): boolean
  /** A request has come; whoever takes it says what becomes of it. */
  take(exchange: StreamExchange): void
  /** Something was refused that never became a request. */
  refused(peer: Peer, reason: Reason): void
}

/** One HTTP/2 connection of a client: its streams, and what it may ask of us without any. */
export class ClientSession {
  readonly #session: ServerHttp2Session
  readonly #socket: Socket
  readonly #peer: Peer
  readonly #host: SessionHost
  readonly #takesExtendedConnect: boolean
  readonly #resets = new Meter()
  readonly #resetRate: Rate
  readonly #openedMs: number
  readonly #streams = new Roster<OpenStream>()
  #lastStreamId = -1
  #idleSinceMs: number
  #closingSinceMs: number | undefined
  /** Since when the client can say nothing more; what is answered by then it may still take. */
  #halfSinceMs: number | undefined
  /** Bytes of requests and answers, by which what came beside them is judged. */
  #usefulBytes = 0
  #judgedBytes = 0
  #judgedMs: number
  #allowedBytes: number

  constructor(socket: Socket, peer: Peer, host: SessionHost) {
    this.#socket = socket
    this.#peer = peer
    this.#host = host
    const limits = host.limits()
    const { h2ResetsMax: burst, h2ResetsPerSecondMax: limit } = limits
    this.#resetRate = new Rate({ limit, windowUs: SECOND_US, burst })
    this.#openedMs = host.clock.ticksMs()
    this.#idleSinceMs = this.#openedMs
    this.#judgedMs = this.#openedMs
    this.#allowedBytes = allowedMax(limits)
    // Before the engine's own listener: afterwards it knows nothing of its streams any more.
    socket.once('close', () => this.#countUnseen())
    this.#takesExtendedConnect = host.takesExtendedConnect()
    const options = engineOptions(limits, this.#takesExtendedConnect)
    this.#session = performServerHandshake(socket, options)
    this.#session.setLocalWindowSize(limits.h2SessionWindowBytes)
    this.#wire()
  }

  /** Takes no more streams; the connection ends with the last of those that are open. */
  drain(): void {
    if (this.#closingSinceMs !== undefined) return
    this.#closingSinceMs = this.#host.clock.ticksMs()
    if (!this.#session.destroyed) this.#session.close()
  }

  destroy(): void {
    if (!this.#session.destroyed) this.#session.destroy()
    this.#socket.destroy()
  }

  /** Looks at what no single event shows: silence, age, and bytes that belong to nothing. */
  check(): void {
    if (this.#session.destroyed) return
    this.#countUnseen()
    const limits = this.#host.limits()
    const nowMs = this.#host.clock.ticksMs()
    if (this.#halfSinceMs !== undefined && nowMs - this.#halfSinceMs > SECOND_MS) {
      this.destroy()
      return
    }
    if (!this.#isWithinBytes(limits, nowMs)) {
      this.#endCalmly()
      return
    }
    const isUnused = this.#streams.size === 0
    if (this.#closingSinceMs !== undefined) {
      if (isUnused && nowMs - this.#closingSinceMs > limits.headMs) this.destroy()
      return
    }
    const silenceMsMax = this.#lastStreamId < 0 ? limits.headMs : limits.keepAliveMs
    const isSilent = isUnused && nowMs - this.#idleSinceMs > silenceMsMax
    if (isSilent || nowMs - this.#openedMs > limits.h2SessionMs) this.drain()
  }

  #wire(): void {
    const session = this.#session
    session.on('stream', (stream, _headers, flags, raw) => {
      this.#countUnseen(stream.id)
      const open: OpenStream = { stream, seat: NO_SEAT }
      this.#streams.add(open)
      for (const text of raw) this.#usefulBytes += text.length
      const exchange = new StreamExchange(stream, {
        fields: pairFields(raw),
        hasBody: (flags & constants.NGHTTP2_FLAG_END_STREAM) === 0,
        peer: this.#peer,
        mayConnect: this.#takesExtendedConnect,
        received: (bytes) => {
          this.#usefulBytes += bytes + Math.min(FRAME_HEAD_BYTES, bytes * HEAD_PER_BODY_BYTE)
        },
        late: (answered) => this.#host.clock.after(ANSWER_CHECK_MS, () => answered.abandon()),
      })
      stream.once('close', () => {
        this.#streams.delete(open)
        this.#usefulBytes += stream.readableLength
        this.#idleSinceMs = this.#host.clock.ticksMs()
        if (!exchange.isWhole) this.#countResets(1)
      })
      this.#host.take(exchange)
    })
    session.on('error', (error: Error & { readonly code?: string }) => {
      const reason = faultOf(error)
      if (reason !== undefined) this.#host.refused(this.#peer, reason)
    })
    session.once('close', () => this.#socket.destroy())
    // Node's HTTP/1.1 server keeps half of a connection, and nobody is heard of it any more.
    this.#socket.once('end', () => {
      this.#halfSinceMs = this.#host.clock.ticksMs()
    })
  }

  /**
   * The engine refuses some requests by itself and says nothing of it; but it counts. Streams
   * that it took up and that never came here were refused.
   */
  #countUnseen(seenId?: number): void {
    if (this.#session === undefined || this.#session.destroyed) return
    const { h2InvalidFramesMax, h2StreamsMax } = this.#host.limits()
    const takenId = seenId ?? this.#session.state.lastProcStreamID ?? this.#lastStreamId
    const last = seenId === undefined ? takenId : takenId - STREAM_STEP
    // Numbers may be left out: no more are counted than the engine lets pass.
    const unseen = Math.min(
      Math.floor((last - this.#lastStreamId) / STREAM_STEP),
      h2InvalidFramesMax,
    )
    this.#lastStreamId = Math.max(this.#lastStreamId, takenId)
    const reason = this.#streams.size >= h2StreamsMax ? 'overloaded' : 'malformed-request'
    for (let count = 0; count < unseen; count += 1) this.#host.refused(this.#peer, reason)
    if (unseen > 0) this.#countResets(unseen)
  }

  /** Streams that were opened for nothing, whoever broke them off. */
  #countResets(count: number): void {
    if (this.#session.destroyed || this.#closingSinceMs !== undefined) return
    const nowUs = Math.round(this.#host.clock.ticksMs() * 1000)
    const isOver = this.#resets.waitUs(this.#resetRate, nowUs, count) > 0
    this.#resets.take(this.#resetRate, nowUs, count)
    if (isOver) this.#endCalmly()
  }

  #isWithinBytes(limits: Limits, nowMs: number): boolean {
    const elapsedMs = nowMs - this.#judgedMs
    const answered = this.#socket.bytesWritten / WRITTEN_PER_CONTROL_BYTE
    const useful = this.#usefulBytes + this.#unreadBytes() + answered
    const beside = this.#socket.bytesRead - useful
    const refill = (limits.h2ControlBytesPerSecondMax * elapsedMs) / SECOND_MS
    const allowed = this.#allowedBytes + refill - (beside - this.#judgedBytes)
    this.#allowedBytes = Math.min(allowed, allowedMax(limits))
    this.#judgedBytes = beside
    this.#judgedMs = nowMs
    return allowed >= 0
  }

  /** Of bodies that wait for whoever takes them: the engine lets each stream fill its window. */
  #unreadBytes(): number {
    let bytes = 0
    for (const { stream } of this.#streams.members()) bytes += stream.readableLength
    return bytes
  }

  /** ENHANCE_YOUR_CALM; what is open is broken off. */
  #endCalmly(): void {
    if (this.#session.destroyed) return
    this.#closingSinceMs = this.#host.clock.ticksMs()
    this.#host.refused(this.#peer, 'connection-flooded')
    this.#session.destroy(new Error('flood'), constants.NGHTTP2_ENHANCE_YOUR_CALM)
  }
}

/** What is on its way for streams that have ended meanwhile is no more than the window. */
function allowedMax({ h2ControlBytesMax, h2SessionWindowBytes }: Limits): number {
  return h2ControlBytesMax + h2SessionWindowBytes
}
