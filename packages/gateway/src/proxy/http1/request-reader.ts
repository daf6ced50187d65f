import type { Reason } from '@countersign/evidence'
import { BodyReader, hasBareLineEnd, parseFields } from '../../http1/index.ts'
import type { HeaderFields } from '../header-fields.ts'
import type { RememberedHeads } from './remembered-heads.ts'
import { HeadParser, mayBegin, parseRequestLine, type RequestHead } from './request-head.ts'

/** What becomes of the bytes of one connection. */
export interface RequestSink {
  /** What follows it is its body, unless the reader is told otherwise before this returns. */
  head(head: RequestHead): void
  /** Bytes of the body, or what is passed on as it is; the sink's to keep. */
  data(chunk: Uint8Array): void
  /** The request is whole. */
  end(trailers: HeaderFields): void
  /** Nothing more is read. */
  unreadable(reason: Reason): void
}

const CR = 0x0d
const LF = 0x0a
const NO_FIELDS: HeaderFields = []
const LINE_END = Buffer.from('\r\n')
const HEAD_END = Buffer.from('\r\n\r\n')
/** What of HEAD_END may be there already. */
const PART_MAX = HEAD_END.length - 1

type State = 'head' | 'body' | 'passing' | 'over'

/**
 * Takes a connection's bytes apart into requests (RFC 9112), in one pass where they come whole. It
 * takes the same, however the bytes are cut into pieces.
 */
export class RequestReader {
  readonly #sink: RequestSink
  readonly #headBytesMax: () => number
  readonly #parser: HeadParser
  #state: State = 'head'
  #body: BodyReader | undefined
  /** The beginning of what is not whole yet. */
  #pending: Buffer | undefined
  /** Of it: lines of a head that were looked at. */
  #checkedTo = 0
  /** An empty line before a request has been left out. */
  #hasSkipped = false

  constructor(sink: RequestSink, headBytesMax: () => number, remembered: RememberedHeads) {
    this.#sink = sink
    this.#headBytesMax = headBytesMax
    this.#parser = new HeadParser(remembered)
  }

  /** A part of a head is here, and the rest is awaited. */
  get isInHead(): boolean {
    return this.#state === 'head' && this.#pending !== undefined
  }

  get isOver(): boolean {
    return this.#state === 'over'
  }

  /** Nothing more is read. */
  stop(): void {
    this.#state = 'over'
    this.#pending = undefined
    this.#body = undefined
  }

  /** What follows is no HTTP, or not yet: it is passed on as it comes. */
  passOn(): void {
    this.#state = 'passing'
  }

  /** What follows is a request again. */
  resume(): void {
    this.#state = 'head'
  }

  /** `received` may be used again afterwards. */
  push(received: Buffer): void {
    const seenTo = this.#pending?.length ?? 0
    const bytes = this.#pending === undefined ? received : Buffer.concat([this.#pending, received])
    this.#pending = undefined
    let at = 0
    while (at < bytes.length) {
      const next = this.#take(bytes, at, Math.max(at, seenTo))
      if (next === at) {
        const rest = bytes.subarray(at)
        if (this.#state !== 'over') this.#pending = bytes === received ? Buffer.from(rest) : rest
        return
      }
      at = next
    }
  }

  /** Says where that ends what it took from `at` on; what is before `seenTo` came before. */
  #take(bytes: Buffer, at: number, seenTo: number): number {
    switch (this.#state) {
      case 'head':
        return this.#takeHead(bytes, at, seenTo)
      case 'body':
        return this.#takeBody(bytes, at)
      case 'passing':
        this.#sink.data(Buffer.from(bytes.subarray(at)))
        return bytes.length
      default:
        return bytes.length
    }
  }

  #takeHead(bytes: Buffer, at: number, seenTo: number): number {
    // One empty line before a request is left out (RFC 9112, section 2.2).
    if (bytes[at] === CR && !this.#hasSkipped) {
      if (at + 1 === bytes.length) return at
      if (bytes[at + 1] !== LF) return this.#refuse('malformed-request', at)
      this.#hasSkipped = true
      return at + LINE_END.length
    }
    const end = bytes.indexOf(HEAD_END, Math.max(at, seenTo - PART_MAX))
    const headBytes = (end === -1 ? bytes.length - PART_MAX : end) - at
    if (headBytes > this.#headBytesMax()) return this.#refuse('head-too-large', at)
    if (end === -1) return this.#waitForMore(bytes, at)
    this.#hasSkipped = false
    this.#checkedTo = 0
    const head = this.#parser.parse(bytes, at, end + LINE_END.length)
    if (head === undefined) return this.#refuse('malformed-request', at)
    this.#begin(head)
    return end + HEAD_END.length
  }

  /** What can no longer become a head is not waited for. */
  #waitForMore(bytes: Buffer, at: number): number {
    const from = at + this.#checkedTo
    const lastLineEnd = bytes.lastIndexOf(LINE_END)
    const upTo = lastLineEnd < from ? from : lastLineEnd + LINE_END.length
    const isWrong =
      upTo > from ? !this.#areLines(bytes, at, upTo) : from === at && !mayBegin(bytes, at)
    if (isWrong || hasBareLineEnd(bytes, upTo)) return this.#refuse('malformed-request', at)
    this.#checkedTo = upTo - at
    return at
  }

  #areLines(bytes: Buffer, at: number, upTo: number): boolean {
    const text = bytes.toString('latin1', at + this.#checkedTo, upTo)
    const fieldsAt = this.#checkedTo > 0 ? 0 : text.indexOf('\r\n') + LINE_END.length
    const isLine = fieldsAt === 0 || parseRequestLine(text.slice(0, fieldsAt - 2)) !== undefined
    return isLine && parseFields(text, fieldsAt) !== undefined
  }

  #begin(head: RequestHead): void {
    const { framing } = head
    const bytes = 'refused' in framing ? 0 : framing.bytes
    this.#state = bytes === 0 ? 'head' : 'body'
    if (this.#state === 'body') {
      this.#body ??= new BodyReader((chunk) => this.#sink.data(chunk), {
        trailerBytesMax: this.#headBytesMax(),
      })
      this.#body.begin(bytes ?? 'chunked')
    }
    this.#sink.head(head)
    if (this.#state === 'head') this.#sink.end(NO_FIELDS)
  }

  #takeBody(bytes: Buffer, at: number): number {
    const body = this.#body
    const next = body?.take(bytes, at) ?? at
    if (body === undefined || this.#state !== 'body') return bytes.length
    if (body.malformed !== undefined) return this.#refuse('malformed-framing', next)
    if (body.isOver) {
      this.#state = 'head'
      this.#sink.end(body.trailers)
    }
    return next
  }

  /** What is behind `at` is dropped. */
  #refuse(reason: Reason, at: number): number {
    this.stop()
    this.#sink.unreadable(reason)
    return at
  }
}
