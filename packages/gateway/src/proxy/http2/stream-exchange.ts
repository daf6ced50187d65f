import { constants, type ServerHttp2Stream } from 'node:http2'
import type { Reason } from '@countersign/evidence'
import { fieldsOfLines } from '../../http1/index.ts'
import type {
  Inbound,
  Lost,
  Outbound,
  Peer,
  ResponseHead,
  Switched,
  SwitchHead,
} from '../exchange.ts'
import { readFraming } from '../framing.ts'
import { type HeaderFields, pairFields } from '../header-fields.ts'
import { readHead } from './read-head.ts'

/** What came on a stream, as it came. */
interface ReceivedHead {
  readonly fields: HeaderFields
  readonly hasBody: boolean
  readonly peer: Peer
  /** Streams of this connection may be asked to carry another protocol. */
  readonly mayConnect: boolean
  /** Told of bytes of the body when they are taken. */
  readonly received: (bytes: number) => void
  /** Calls `abandon` again a little later. */
  readonly late: (exchange: StreamExchange) => void
}

/** One request on a stream of an HTTP/2 connection. */
export class StreamExchange {
  readonly inbound: Inbound
  readonly outbound: Outbound
  readonly #stream: ServerHttp2Stream
  readonly #lost: Lost[] = []
  readonly #claimedBytes: number | undefined
  readonly #parts: ReceivedHead
  #received = 0
  #isBodyWhole: boolean
  #hasEnded = false
  #head: ResponseHead | undefined
  #trailers: HeaderFields = []
  #requestTrailers: HeaderFields = []

  constructor(stream: ServerHttp2Stream, parts: ReceivedHead) {
    const { fields, hasBody, peer, mayConnect } = parts
    this.#stream = stream
    this.#parts = parts
    this.#isBodyWhole = !hasBody
    const head = readHead(fields, { scheme: peer.scheme, mayConnect })
    const claimed = head.fields.find(([name]) => name === 'content-length')
    this.#claimedBytes = claimed === undefined ? undefined : Number(claimed[1])
    this.inbound = {
      ...head,
      peer,
      version: '2',
      framing: readFraming(head.fields, hasBody),
      isWaiting: hasBody && head.fields.some(([name]) => name === 'expect'),
      body: this.#body(),
      invite: () => {
        if (this.#isOpen()) stream.additionalHeaders({ ':status': 100 })
      },
      trailers: () => this.#requestTrailers,
      isComplete: () => this.#isBodyWhole,
    }
    this.outbound = {
      hint: (hints) => {
        if (!this.#isOpen() || stream.headersSent) return
        const link = hints.map(([, value]) => sendable(value))
        stream.additionalHeaders({ ':status': 103, link })
      },
      begin: (response) => {
        this.#head = response
        if (response.isEager === true) this.#respond(false)
      },
      write: (chunk) => this.#write(chunk),
      end: (last, trailers) => this.#end(last, trailers),
      destroy: () => {
        // With CANCEL a client of gRPC would believe that it had let go of the call itself.
        if (!stream.destroyed) stream.close(constants.NGHTTP2_INTERNAL_ERROR)
      },
      ...(head.connectProtocol === undefined
        ? {}
        : { switchTo: (answer: SwitchHead) => this.#switch(answer) }),
    }
    // What nobody has read from, Node resets when it is answered, before the end is on its way.
    if (!hasBody) stream.resume()
    stream.on('trailers', (_headers, _flags, raw: string[]) => {
      this.#requestTrailers = pairFields(raw)
    })
    // What is wrong is told by `close`.
    stream.on('error', () => undefined)
    stream.once('close', () => this.#closed())
  }

  /** Calls `listener` when the client lets go before its answer was whole. */
  onLost(lost: Lost): void {
    if (this.#stream.closed && !this.#hasEnded) lost.make(this.#lostReason())
    else this.#lost.push(lost)
  }

  /** Whether it ended as it should: the answer was sent and nobody broke it off. */
  get isWhole(): boolean {
    return this.#hasEnded && this.#stream.rstCode === constants.NGHTTP2_NO_ERROR
  }

  /**
   * The stream is the new protocol's from here on. Nothing came early: until now its window was
   * never opened again, and what was sent into it is still to be read.
   */
  #switch(answer: SwitchHead): Switched {
    const stream = this.#stream
    this.#hasEnded = true
    this.#isBodyWhole = true
    stream.pause()
    stream.on('data', (chunk: Uint8Array) => this.#parts.received(chunk.length))
    if (this.#isOpen()) {
      const flat: string[] = [':status', String(answer.status)]
      for (const [name, value] of answer.fields) flat.push(name.toLowerCase(), sendable(value))
      const options = { endStream: false, sendDate: false }
      stream.respond(flat, options)
    }
    const breakOff = (): void => {
      if (this.#isOpen()) stream.close(constants.NGHTTP2_CANCEL)
    }
    return { stream, early: new Uint8Array(), breakOff }
  }

  /** Touches the stream only when somebody reads: until then its window is not opened again. */
  #body(): AsyncIterator<Uint8Array> {
    let iterator: AsyncIterator<Uint8Array> | undefined
    return {
      next: async () => {
        iterator ??= this.#stream.iterator({ destroyOnReturn: false })
        const step = await iterator.next()
        if (step.done === true) {
          // Of a stream that was reset, the engine may say no more than that nothing follows.
          if (this.#stream.aborted) throw new Error('the stream was reset')
          this.#isBodyWhole = true
        } else {
          this.#received += step.value.length
          this.#parts.received(step.value.length)
        }
        return step
      },
    }
  }

  async #write(chunk: Uint8Array): Promise<void> {
    if (!this.#isOpen()) return
    this.#respond(false)
    if (!this.#stream.write(chunk)) await settled(this.#stream, 'drain')
  }

  async #end(last: Uint8Array, trailers: HeaderFields): Promise<void> {
    if (!this.#isOpen()) return
    this.#trailers = trailers
    this.#hasEnded = true
    this.#respond(last.length === 0 && trailers.length === 0)
    if (!this.#stream.writableEnded) this.#stream.end(last)
    if (!this.#stream.writableFinished) await settled(this.#stream, 'finish')
    if (!this.#isBodyWhole) this.abandon()
  }

  /**
   * The client need not send the rest of a body that nobody wants. It is told only when the end of
   * the answer is on its way: a reset would overtake it.
   */
  abandon(): void {
    if (!this.#hasEnded || this.#isBodyWhole || !this.#isOpen()) return
    const isAnswered = this.#stream.state.localClose === 1
    if (isAnswered) this.#stream.close(constants.NGHTTP2_NO_ERROR)
    else this.#parts.late(this)
  }

  /** The head goes out with what follows it, so that one that nothing follows ends the stream. */
  #respond(endStream: boolean): void {
    if (this.#head === undefined) return
    const { status, kept, length, fields, made } = this.#head
    this.#head = undefined
    const flat: string[] = [':status', String(status)]
    for (const [name, value] of kept?.fields ?? []) flat.push(name.toLowerCase(), sendable(value))
    if (length !== undefined) flat.push('content-length', length)
    for (const [name, value] of fields) flat.push(name.toLowerCase(), sendable(value))
    for (const field of fieldsOfLines(made ?? '')) flat.push(...field)
    const mayHaveTrailers = !endStream
    const options = { endStream, waitForTrailers: mayHaveTrailers, sendDate: false }
    this.#stream.respond(flat, options)
    if (mayHaveTrailers) this.#stream.once('wantTrailers', () => this.#sendTrailers())
  }

  #sendTrailers(): void {
    if (this.#stream.destroyed || this.#stream.closed) return
    const fields: Record<string, string[]> = {}
    for (const [name, value] of this.#trailers) {
      const lowerCaseName = name.toLowerCase()
      fields[lowerCaseName] = [...(fields[lowerCaseName] ?? []), sendable(value)]
    }
    this.#stream.sendTrailers(fields)
  }

  #isOpen(): boolean {
    return !this.#stream.destroyed && !this.#stream.closed
  }

  #closed(): void {
    const isSent = this.#hasEnded && this.#stream.rstCode === constants.NGHTTP2_NO_ERROR
    if (isSent) return
    for (const lost of this.#lost) lost.make(this.#lostReason())
  }

  /** The engine resets a stream whose length was a lie; any other end is the client's leaving. */
  #lostReason(): Reason {
    const isRefused = this.#stream.rstCode === constants.NGHTTP2_PROTOCOL_ERROR
    const isShort = this.#claimedBytes !== undefined && this.#received < this.#claimedBytes
    return isRefused && isShort ? 'malformed-framing' : 'client-aborted'
  }
}

/** The engine takes lists of fields with NUL between them: a value must not contain one. */
function sendable(value: string): string {
  if (/[\0\r\n]/.test(value)) throw new Error('a field value contains a control character')
  return value
}

function settled(stream: ServerHttp2Stream, event: 'drain' | 'finish'): Promise<void> {
  if (stream.destroyed || stream.closed) return Promise.resolve()
  return new Promise((resolve) => {
    const done = (): void => {
      stream.off(event, done)
      stream.off('close', done)
      resolve()
    }
    stream.once(event, done)
    stream.once('close', done)
  })
}
