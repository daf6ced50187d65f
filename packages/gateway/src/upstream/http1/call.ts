import type { Duplex } from 'node:stream'
import { formatFields } from '../../http1/index.ts'
import {
  type UpstreamCall,
  UpstreamFault,
  type UpstreamFields,
  type UpstreamHandler,
  type UpstreamReached,
  type UpstreamRequest,
} from '../types.ts'
import type { Http1Connection } from './connection.ts'

/** One call: waits for a connection, then has it for itself until the response has ended. */
export class Http1Call implements UpstreamCall {
  readonly method: string
  readonly takesUpgrade: boolean
  readonly #head: string
  readonly #handler: UpstreamHandler
  readonly #isChunked: boolean
  #connection: Http1Connection | undefined
  /** Of the body: still to be written. */
  #leftBytes: number
  /** Written before there was a connection. */
  #early: Uint8Array[] | undefined
  #earlyTrailers: UpstreamFields | undefined
  #isSent: boolean
  #isOver = false
  #isPaused = false
  #isWaiting = false

  constructor(request: UpstreamRequest, head: string, handler: UpstreamHandler) {
    this.method = request.method
    this.takesUpgrade = request.upgrade !== undefined
    this.#head = head
    this.#handler = handler
    this.#isChunked = request.bodyBytes === undefined
    this.#leftBytes = request.bodyBytes ?? 0
    this.#isSent = request.bodyBytes === 0
  }

  /** It has ended or was let go: nothing more is told. */
  get isOver(): boolean {
    return this.#isOver
  }

  /** The request is with the upstream, whole. */
  get isSent(): boolean {
    return this.#isSent
  }

  get isPaused(): boolean {
    return this.#isPaused
  }

  write(chunk: Uint8Array): boolean {
    if (this.#isOver || this.#isSent || chunk.length === 0) return true
    if (this.#connection === undefined) {
      this.#early = [...(this.#early ?? []), chunk]
      this.#isWaiting = true
      return false
    }
    if (!this.#isChunked) {
      if (chunk.length > this.#leftBytes) return this.#mismatch()
      this.#leftBytes -= chunk.length
    }
    const goesOn = this.#isChunked
      ? writeChunk(this.#connection, chunk)
      : this.#connection.write(chunk)
    this.#isWaiting = !goesOn
    return goesOn
  }

  end(trailers: UpstreamFields = NO_FIELDS): void {
    if (this.#isOver || this.#isSent) return
    if (this.#connection === undefined) {
      this.#earlyTrailers = trailers
      return
    }
    if (this.#leftBytes > 0) return void this.#mismatch()
    this.#isSent = true
    if (!this.#isChunked) return
    const section = formatFields(trailers)
    if (section === undefined) return void this.#mismatch()
    this.#connection.write(`0\r\n${section}\r\n`)
  }

  pause(): void {
    if (this.#isOver || this.#isPaused) return
    this.#isPaused = true
    this.#connection?.pause()
  }

  resume(): void {
    if (this.#isOver || !this.#isPaused) return
    this.#isPaused = false
    this.#connection?.resume()
  }

  abort(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#connection?.destroy()
  }

  /** From here on the connection is its own. */
  begin(connection: Http1Connection): void {
    this.#connection = connection
    connection.begin(this, this.#head)
    const early = this.#early
    this.#early = undefined
    for (const chunk of early ?? []) this.write(chunk)
    if (this.#earlyTrailers !== undefined) this.end(this.#earlyTrailers)
    else if (early !== undefined) this.drained()
  }

  reached(reached: UpstreamReached): void {
    this.#handler.reached?.(reached)
  }

  drained(): void {
    if (!this.#isWaiting || this.#isOver) return
    this.#isWaiting = false
    this.#handler.drain?.()
  }

  interim(status: number, fields: UpstreamFields): void {
    if (!this.#isOver) this.#handler.interim?.(status, fields)
  }

  head(status: number, fields: UpstreamFields, isWhole: boolean): void {
    if (!this.#isOver) this.#handler.head(status, fields, isWhole)
  }

  data(chunk: Uint8Array): void {
    if (!this.#isOver) this.#handler.data(chunk)
  }

  ended(trailers: UpstreamFields): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#handler.end(trailers)
  }

  failed(fault: UpstreamFault): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#handler.fault(fault)
  }

  upgraded(status: number, fields: UpstreamFields, stream: Duplex, rest: Uint8Array): void {
    if (this.#isOver) return void stream.destroy()
    this.#isOver = true
    if (this.#handler.upgraded === undefined) stream.destroy()
    else this.#handler.upgraded(status, fields, stream, rest)
  }

  /** A body that is not as long as was said: it must not look whole to anybody. */
  #mismatch(): true {
    const fault = new UpstreamFault('internal-error', 'the request body is not what was announced')
    this.#connection?.fail(fault)
    return true
  }
}

const NO_FIELDS: UpstreamFields = []

function writeChunk(connection: Http1Connection, chunk: Uint8Array): boolean {
  connection.cork()
  connection.write(`${chunk.length.toString(16)}\r\n`)
  connection.write(chunk)
  const goesOn = connection.write('\r\n')
  connection.uncork()
  return goesOn
}
