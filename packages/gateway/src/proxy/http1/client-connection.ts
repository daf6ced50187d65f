import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { Reason } from '@countersign/evidence'
import type { Limits } from '../../limits/index.ts'
import type { Clock } from '../../platform/index.ts'
import type { DeadlineWheel, Due } from '../deadline-wheel.ts'
import { DirectSocket } from '../direct-socket.ts'
import type { Peer, Switched } from '../exchange.ts'
import type { HeaderFields } from '../header-fields.ts'
import { NO_SEAT } from '../roster.ts'
import type { OwnLines } from './answer-head.ts'
import { ClientExchange, type ExchangeLine } from './client-exchange.ts'
import type { OnePiece, Piece } from './one-piece.ts'
import type { RememberedHeads } from './remembered-heads.ts'
import type { RequestHead } from './request-head.ts'
import { RequestReader, type RequestSink } from './request-reader.ts'

/** What a connection needs of its listener. */
export interface ConnectionHost {
  readonly clock: Clock
  readonly wheel: DeadlineWheel
  readonly own: OwnLines
  readonly heads: RememberedHeads
  readonly onePiece: OnePiece
  limits(): Limits
  /** Whether any route lets a connection change protocols. */
  takesUpgrades(): boolean
  /** Whether every answer is to be the last of its connection. */
  isLeaving(): boolean
  /** Serves a request, or refuses it, and says when it has ended. */
  take(exchange: ClientExchange, refused: Reason | undefined): void
  closed(connection: ClientConnection): void
}

/** Up to here one copy costs less than one more buffer. */
const ONE_PIECE_BYTES_MAX = 8192
/** After the last answer: what is on its way is read, or a reset would overtake the answer. */
const LINGER_MS = 1000
/** What may come behind the last request before it is read no more. */
const IGNORED_BYTES_MAX = 1_048_576
const NEVER_MS = Number.POSITIVE_INFINITY
const LAST = 'connection: close\r\n'
const NO_FIELDS: HeaderFields = []

/** One client connection of HTTP/1.1: its requests, one after the other, each with its answer. */
export class ClientConnection implements RequestSink, ExchangeLine, Due {
  readonly peer: Peer
  readonly own: OwnLines
  /** Of the wheel. */
  seat: number = NO_SEAT
  readonly #socket: Socket
  readonly #host: ConnectionHost
  readonly #reader: RequestReader
  readonly #isTls: boolean
  /** The exchange whose turn it is. */
  #current: ClientExchange | undefined
  /** Whose turn will come, oldest first. */
  #next: ClientExchange[] = []
  /** Whose body is being read. */
  #receiving: ClientExchange | undefined
  /** What came before it is known whether the connection changes protocols. */
  #early: Uint8Array[] | undefined
  #earlyBytes = 0
  #ignoredBytes = 0
  /** What the deadline is for: the rest of a head, another request, the client's end. */
  #waitsFor: 'head' | 'request' | 'end' = 'head'
  #dueMs = NEVER_MS
  #isFresh = true
  /** The last answer has begun: nothing that came behind its request is served. */
  #isOver = false
  #isClosing = false
  #isHandedOver = false

  constructor(socket: Socket, peer: Peer, host: ConnectionHost) {
    this.#socket = socket
    this.#host = host
    this.peer = peer
    this.own = host.own
    this.#isTls = socket instanceof TLSSocket
    this.#reader = new RequestReader(this, () => host.limits().headBytesMax, host.heads)
    if (socket instanceof DirectSocket) socket.takeBytes(this.#onDirect)
    else socket.on('data', this.#onData)
    socket.on('end', this.#onEnd)
    socket.on('error', this.#onError)
    socket.once('close', this.#onClose)
    this.#waitFor('head', host.limits().headMs)
    host.wheel.add(this)
    socket.resume()
  }

  /** Nothing was asked on it so far. */
  get isFresh(): boolean {
    return this.#isFresh
  }

  /** Nothing is going on, and no byte of a request is here. */
  get isIdle(): boolean {
    return this.#current === undefined && !this.#isClosing && !this.#reader.isInHead
  }

  get isBusy(): boolean {
    return this.#current !== undefined
  }

  /** Lets go of it, unless its last answer is on its way. */
  leave(): void {
    if (!this.#isClosing) this.destroy()
  }

  destroy(): void {
    this.#socket.destroy()
  }

  /** Of the wheel. */
  check(nowMs: number): void {
    if (nowMs < this.#dueMs) return
    // A loop that is busy has not read everything that has come.
    this.#host.clock.atTurnEnd(() => {
      if (nowMs < this.#dueMs) return
      if (this.#waitsFor === 'head') this.unreadable('request-timeout')
      else this.destroy()
    })
  }

  head(head: RequestHead): void {
    this.#dueMs = NEVER_MS
    this.#isFresh = false
    const { pipelinedMax } = this.#host.limits()
    if (this.#current !== undefined && this.#next.length + 1 >= pipelinedMax) {
      this.unreadable('overloaded')
      return
    }
    const mayUpgrade = head.asksForUpgrade && this.#host.takesUpgrades()
    const exchange = new ClientExchange(this, head, mayUpgrade)
    this.#receiving = exchange
    if (mayUpgrade) {
      this.#early = []
      this.#earlyBytes = 0
      this.#reader.passOn()
      exchange.inbound.complete(NO_FIELDS)
    }
    this.#enqueue(exchange)
  }

  data(chunk: Uint8Array): void {
    if (this.#early !== undefined) {
      this.#keepEarly(chunk)
      return
    }
    const { inbound } = this.#receiving ?? {}
    inbound?.add(chunk)
    if (inbound?.isFull === true) this.#socket.pause()
  }

  end(trailers: HeaderFields): void {
    const exchange = this.#receiving
    this.#receiving = undefined
    if (this.#isOver || exchange?.isLast === true) this.#reader.stop()
    exchange?.inbound.complete(trailers)
  }

  unreadable(reason: Reason): void {
    const receiving = this.#receiving
    this.#receiving = undefined
    this.#dueMs = NEVER_MS
    this.#isFresh = false
    this.#reader.stop()
    if (receiving === undefined) this.#enqueue(ClientExchange.unreadable(this, reason))
    else receiving.lose(reason)
  }

  put(before: string, bytes: Uint8Array, after: string, isEnd: boolean): Promise<void> | undefined {
    const socket = this.#socket
    if (!socket.writable) return undefined
    // Of what is encrypted it is known only later whether it was taken.
    const taken = isEnd && this.#isTls ? Promise.withResolvers<void>() : undefined
    const piece = { before, bytes, after }
    // Only a socket that writes at once is done with memory when it says so.
    const whole = this.#isTls || bytes.length === 0 ? undefined : this.#inOnePiece(piece)
    const goesOn = whole ?? write(socket, piece, taken && (() => taken.resolve()))
    if (taken !== undefined) return taken.promise
    if (isEnd) return socket.writableLength === 0 ? undefined : whenTaken(socket)
    return goesOn ? undefined : whenDrained(socket)
  }

  #inOnePiece(piece: Piece): boolean | undefined {
    // Behind what waits already it would wait too, and keep all of the memory that it lies in.
    const hasToWait = this.#socket.writableLength > 0
    if (hasToWait || piece.bytes.length > ONE_PIECE_BYTES_MAX) return undefined
    return this.#host.onePiece.write(this.#socket, piece)
  }

  beginAnswer(exchange: ClientExchange, isLast: boolean): string {
    const isEarly = this.#earlyBytes > 0 && this.#receiving === exchange
    if (!isLast && !exchange.isLast && !isEarly && !this.#host.isLeaving()) {
      return this.own.kept(this.#host.limits().keepAliveMs)
    }
    this.#isOver = true
    this.#next = []
    // What is still to come of the request itself may go on.
    if (this.#receiving !== exchange || this.#early !== undefined) this.#reader.stop()
    return LAST
  }

  wantMore(): void {
    this.#socket.resume()
  }

  handOver(): Switched {
    const socket = this.#socket
    socket.pause()
    if (socket instanceof DirectSocket) socket.takeBytes(undefined)
    else socket.off('data', this.#onData)
    socket.off('end', this.#onEnd)
    socket.off('error', this.#onError)
    this.#isHandedOver = true
    const early = Buffer.concat(this.#early ?? [])
    this.#early = undefined
    return { stream: socket, early }
  }

  /** The turn of the next one, where there may be one. */
  ended(exchange: ClientExchange): void {
    this.#current = undefined
    exchange.inbound.drop()
    if (this.#isHandedOver) return
    if (!exchange.outbound.hasEnded) {
      this.destroy()
      this.#lose()
    }
    const next = this.#next.length === 0 ? undefined : this.#next.shift()
    if (next !== undefined) this.#begin(next)
    else if (this.#socket.destroyed) return
    else if (this.#isOver || this.#hasComeEarly) this.#close()
    else this.#waitForNext(exchange)
  }

  /** Bytes that were meant for another protocol, perhaps, and it did not come to that. */
  get #hasComeEarly(): boolean {
    return this.#early !== undefined && this.#early.length > 0
  }

  #enqueue(exchange: ClientExchange): void {
    if (this.#isOver) return
    if (this.#current === undefined) this.#begin(exchange)
    else this.#next.push(exchange)
  }

  #begin(exchange: ClientExchange): void {
    this.#current = exchange
    this.#host.take(exchange, exchange.refused)
  }

  #waitForNext(exchange: ClientExchange): void {
    if (this.#early !== undefined && this.#receiving === exchange) {
      // It was answered, and with no other protocol: what follows is HTTP again.
      this.#early = undefined
      this.#receiving = undefined
      this.#reader.resume()
    }
    if (!this.#reader.isInHead) this.#waitFor('request', this.#host.limits().keepAliveMs)
    this.#socket.resume()
  }

  #waitFor(what: 'head' | 'request' | 'end', withinMs: number): void {
    this.#waitsFor = what
    this.#dueMs = this.#host.clock.ticksMs() + withinMs
  }

  /** Says that nothing follows, and reads what is on its way, so that the answer arrives. */
  #close(): void {
    this.#isClosing = true
    this.#reader.stop()
    this.#receiving = undefined
    this.#early = undefined
    this.#socket.end()
    this.#socket.resume()
    this.#waitFor('end', LINGER_MS)
  }

  #keepEarly(chunk: Uint8Array): void {
    this.#early?.push(chunk)
    this.#earlyBytes += chunk.length
    if (this.#earlyBytes <= this.#host.limits().earlyBytesMax) return
    this.#socket.pause()
    this.#receiving?.lose('handshake-malformed')
  }

  readonly #onData = (bytes: Buffer): void => {
    if (this.#reader.isOver) {
      this.#ignore(bytes.length)
      return
    }
    this.#reader.push(bytes)
    const isTimed = this.#waitsFor === 'head' && this.#dueMs !== NEVER_MS
    if (this.#reader.isInHead && !isTimed) this.#waitFor('head', this.#host.limits().headMs)
  }

  readonly #onDirect = (bytes: Buffer): boolean => {
    this.#onData(bytes)
    return !this.#socket.isPaused()
  }

  #ignore(bytes: number): void {
    this.#ignoredBytes += bytes
    if (!this.#isClosing && this.#ignoredBytes > IGNORED_BYTES_MAX) this.#socket.pause()
  }

  /** The client says nothing more: whoever still wants an answer would not have closed. */
  readonly #onEnd = (): void => {
    if (this.#isClosing) {
      this.destroy()
      return
    }
    if (this.#reader.isInHead) this.unreadable('malformed-request')
    this.#reader.stop()
    if (this.#current?.refused !== undefined) return
    this.#lose()
    if (this.#current === undefined) this.#socket.end()
  }

  /** `close` follows. */
  readonly #onError = ({ code }: Error & { readonly code?: string }): void => {
    if (code !== 'ERR_TLS_RENEGOTIATION_DISABLED') return
    this.unreadable('malformed-request')
    // At once: an answer would have to wait for the handshake that is not to be.
    this.destroy()
  }

  readonly #onClose = (): void => {
    this.#host.wheel.delete(this)
    this.#dueMs = NEVER_MS
    this.#reader.stop()
    if (!this.#isHandedOver) this.#lose()
    this.#host.closed(this)
  }

  /** What was asked and not begun is served no more; what is refused is on record all the same. */
  #lose(): void {
    this.#next = this.#next.filter(({ refused }) => refused !== undefined)
    this.#receiving = undefined
    this.#current?.lose('client-aborted')
  }
}

/** As few writes as are worth it. Says whether more may follow at once. */
function write(socket: Socket, piece: Piece, taken: (() => void) | undefined): boolean {
  const { before, bytes, after } = piece
  if (bytes.length <= ONE_PIECE_BYTES_MAX) {
    const text = bytes.length === 0 ? before + after : before + latin1(bytes) + after
    return socket.write(text, 'latin1', taken)
  }
  socket.cork()
  if (before !== '') socket.write(before, 'latin1')
  const goesOn = after === '' ? socket.write(bytes, taken) : socket.write(bytes)
  if (after !== '') socket.write(after, 'latin1', taken)
  socket.uncork()
  return goesOn
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
}

/** Everything is with the operating system, or the connection is gone. */
function whenTaken(socket: Socket): Promise<void> {
  return new Promise((resolve) => void socket.write('', () => resolve()))
}

function whenDrained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      socket.off('drain', done)
      socket.off('close', done)
      resolve()
    }
    socket.on('drain', done)
    socket.on('close', done)
  })
}
