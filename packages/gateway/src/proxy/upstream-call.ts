import type { Duplex } from 'node:stream'
import type { Reason } from '@countersign/evidence'
import {
  type BalancedCall,
  type BalancedUpstream,
  type RetryRule,
  UpstreamFault,
  type UpstreamHandler,
  type UpstreamRequest,
} from '../upstream/index.ts'
import type { HeaderFields } from './header-fields.ts'
import { addPiece } from './pieces.ts'

export interface UpstreamHead {
  readonly status: number
  readonly fields: HeaderFields
}

/** What is sent after the head. */
export interface RequestBody {
  readonly chunks: AsyncIterable<Uint8Array>
  /** Asked for when the last chunk was taken. */
  trailers(): HeaderFields
}

/** A head that says that the connection is another protocol's from here on. */
export interface SwitchedHead extends UpstreamHead {
  readonly stream: Duplex
  readonly rest: Uint8Array
}

/** `isWhole`: all that follows the head is here too. */
type TellHead = (head: UpstreamHead | UpstreamFault, isWhole: boolean) => void

/** Bytes that wait for a slow client before the upstream is told to pause. */
const WAITING_BYTES_MAX = 65_536

const EARLY_HINTS = 103
const NO_FIELDS: HeaderFields = []
/** Nothing is ever added to it. */
const NO_CHUNKS: Uint8Array[] = []

/** One request to an upstream, and its response, read at the reader's pace. */
export class UpstreamCall implements UpstreamHandler {
  readonly #body: RequestBody | undefined
  /** Of the response, when it has ended. */
  trailers: HeaderFields = NO_FIELDS
  readonly #onHints: ((fields: HeaderFields) => void) | undefined
  #call: BalancedCall | undefined
  #head: UpstreamHead | undefined
  #chunks: Uint8Array[] = NO_CHUNKS
  #waitingBytes = 0
  #isPaused = false
  #hasEnded = false
  /** The upstream has changed protocols: its connection is whoever's who takes it. */
  switched: SwitchedHead | undefined
  #fault: UpstreamFault | undefined
  /** Waits for the head. */
  #tell: TellHead | undefined
  /** Whoever waits for something to happen: one reader, or one writer of the body. */
  #wake: (() => void) | undefined
  #wakeWriter: (() => void) | undefined

  private constructor(
    body: RequestBody | undefined,
    onHints: ((fields: HeaderFields) => void) | undefined,
  ) {
    this.#body = body
    this.#onHints = onHints
  }

  static send(
    upstream: BalancedUpstream,
    request: UpstreamRequest,
    body: RequestBody | undefined,
    rule?: RetryRule,
    onHints?: (fields: HeaderFields) => void,
  ): UpstreamCall {
    const call = new UpstreamCall(body, onHints)
    call.#call = upstream.call(request, call, rule)
    return call
  }

  /** What was tried, and where. */
  get attempted(): BalancedCall | undefined {
    return this.#call
  }

  /** Tells the response's head, or what came in its place: once, perhaps at once. */
  onHead(tell: TellHead): void {
    this.#tell = tell
    this.#tellHead(false)
  }

  #tellHead(isWhole: boolean): void {
    const found = this.#head ?? this.switched ?? this.#fault
    const tell = this.#tell
    if (found === undefined || tell === undefined) return
    this.#tell = undefined
    tell(found, isWhole)
  }

  /**
   * The next bytes of the body; undefined at its end; a promise only where they are not there yet.
   * Throws UpstreamFault. One reader only.
   */
  read(): Uint8Array | undefined | Promise<Uint8Array | undefined> {
    const chunks = this.#chunks
    const chunk = chunks[0]
    if (chunk !== undefined) {
      if (chunks.length === 1) this.#chunks = NO_CHUNKS
      else chunks.shift()
      return this.#taken(chunk)
    }
    if (this.#fault !== undefined) throw this.#fault
    return this.#hasEnded ? undefined : this.#somethingHappens().then(() => this.read())
  }

  /** Breaks the connection to the upstream; what was not read is dropped. */
  abort(reason: Reason): void {
    if (this.#hasEnded || this.#fault !== undefined) return
    this.#chunks = NO_CHUNKS
    this.fault(new UpstreamFault(reason, undefined))
    this.#call?.abort(reason)
  }

  reached(): void {
    if (this.#body !== undefined) void this.#send(this.#body)
  }

  interim(status: number, fields: HeaderFields): void {
    if (status === EARLY_HINTS) this.#onHints?.(fields)
  }

  head(status: number, fields: HeaderFields, isWhole = false): void {
    this.#head = { status, fields }
    // Mostly the rest of it is here, and taken in first.
    if (!isWhole) this.#tellHead(false)
  }

  upgraded(status: number, fields: HeaderFields, stream: Duplex, rest: Uint8Array): void {
    this.#hasEnded = true
    // Whoever takes it says what becomes of its faults; until then they end it, no more.
    stream.on('error', () => undefined)
    this.switched = { status, fields, stream, rest }
    this.#tellHead(false)
    this.#wake?.()
    this.#wakeWriter?.()
  }

  data(chunk: Uint8Array): void {
    // A list that is made with its first chunk has room for that alone: mostly it is the only one.
    if (this.#chunks.length === 0) this.#chunks = [chunk]
    else addPiece(this.#chunks, chunk)
    this.#waitingBytes += chunk.length
    if (this.#waitingBytes > WAITING_BYTES_MAX && !this.#isPaused) {
      this.#isPaused = true
      this.#call?.pause()
    }
    this.#wake?.()
  }

  end(trailers: HeaderFields): void {
    this.trailers = trailers
    this.#hasEnded = true
    this.#wake?.()
    this.#wakeWriter?.()
    this.#tellHead(true)
  }

  fault(fault: UpstreamFault): void {
    this.#fault ??= fault
    this.#tellHead(false)
    this.#wake?.()
    this.#wakeWriter?.()
  }

  drain(): void {
    this.#wakeWriter?.()
  }

  /** Sends the body on, as fast as the upstream takes it, until nobody wants the rest. */
  async #send(body: RequestBody): Promise<void> {
    try {
      for await (const chunk of body.chunks) {
        if (this.#isOver()) return
        if (this.#call?.write(chunk) === false) await this.#whenDrained()
      }
      this.#call?.end(body.trailers())
    } catch (cause) {
      this.#call?.abort()
      this.fault(new UpstreamFault('internal-error', cause))
    }
  }

  #isOver(): boolean {
    return this.#hasEnded || this.#fault !== undefined
  }

  #whenDrained(): Promise<void> {
    return new Promise((resolve) => {
      this.#wakeWriter = resolve
    })
  }

  #somethingHappens(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }

  #taken(chunk: Uint8Array): Uint8Array {
    this.#waitingBytes -= chunk.length
    if (this.#isPaused && this.#waitingBytes === 0) {
      this.#isPaused = false
      this.#call?.resume()
    }
    return chunk
  }
}
