import { BodyReader, hasBareLineEnd } from '../../http1/index.ts'
import { readLatin1 } from '../../platform/index.ts'
import type { UpstreamFields } from '../types.ts'
import { HeadParser, type Malformed, type ResponseHead } from './response-head.ts'

/** What becomes of the bytes of one connection. */
export interface ResponseSink {
  interim(status: number, fields: UpstreamFields): void
  /** Framing is known; `isWhole`: what follows has come too, and is told next, up to `end`. */
  head(head: ResponseHead, isWhole: boolean): void
  /** Bytes of the body, the sink's to keep. */
  data(chunk: Uint8Array): void
  /** `hasMore`: bytes came after it, which are nobody's. */
  end(trailers: UpstreamFields, hasMore: boolean): void
  upgraded(head: ResponseHead, rest: Uint8Array): void
  malformed(why: string): void
}

export interface ReaderLimits {
  readonly headBytesMax: number
  readonly interimsMax: number
  /** Shared with those that read the same upstream. */
  readonly heads?: HeadParser
}

const NO_FIELDS: UpstreamFields = []
const HEAD_END = Buffer.from('\r\n\r\n')
/** What of HEAD_END may be there already. */
const PART_MAX = HEAD_END.length - 1
const HEAD_BEGIN = Buffer.from('HTTP/1.')

type State = 'idle' | 'head' | 'body' | 'close'

/**
 * Takes a connection's bytes apart, in one pass: a response that comes whole is read whole. Bytes
 * where no response is due are malformed. Buffers given to `push` may be used again afterwards.
 */
export class ResponseReader {
  readonly #sink: ResponseSink
  readonly #limits: ReaderLimits
  readonly #heads: HeadParser
  #state: State = 'idle'
  #isBodyless = false
  #takesUpgrade = false
  #interims = 0
  readonly #body: BodyReader
  /** The beginning of what is not whole yet: a head, a chunk's line, the trailers. */
  #pending: Buffer | undefined

  constructor(sink: ResponseSink, limits: ReaderLimits) {
    this.#sink = sink
    this.#limits = limits
    this.#heads = limits.heads ?? new HeadParser()
    this.#body = new BodyReader((chunk) => sink.data(chunk), {
      trailerBytesMax: limits.headBytesMax,
      isJoined: true,
    })
  }

  /** A request is on its way: a response is due. */
  expect(method: string, takesUpgrade: boolean): void {
    this.#state = 'head'
    this.#isBodyless = method === 'HEAD'
    this.#takesUpgrade = takesUpgrade
    this.#interims = 0
  }

  /** Nothing is due, and nothing more is told. */
  stop(): void {
    this.#state = 'idle'
    this.#pending = undefined
    this.#body.stop()
  }

  push(received: Buffer): void {
    if (this.#state === 'idle') {
      this.#refuse('bytes that nobody asked for')
      return
    }
    const bytes = this.#pending === undefined ? received : Buffer.concat([this.#pending, received])
    const from = this.#pending?.length ?? 0
    this.#pending = undefined
    let at = this.#take(bytes, 0, from)
    while (at > 0 && at < bytes.length && this.#isReading()) at = this.#take(bytes, at, at)
  }

  /** The connection ended; says whether a body that lasts until then is whole now. */
  finish(): boolean {
    if (this.#state !== 'close') return false
    this.#end(NO_FIELDS, false)
    return true
  }

  #isReading(): boolean {
    return this.#state !== 'idle'
  }

  /**
   * Takes what it can from `at` on and says where that ends; 0 where no more can be taken. What is
   * before `seenTo` was looked at before.
   */
  #take(bytes: Buffer, at: number, seenTo: number): number {
    switch (this.#state) {
      case 'head':
        return this.#takeHead(bytes, at, seenTo)
      case 'body':
        return this.#takeBody(bytes, at)
      case 'close':
        this.#sink.data(Buffer.from(bytes.subarray(at)))
        return bytes.length
      default:
        return 0
    }
  }

  #takeHead(bytes: Buffer, at: number, seenTo: number): number {
    const known = this.#isBodyless ? undefined : this.#heads.again(bytes, at)
    if (known !== undefined) return this.#takeParsed(known.head, bytes, at + known.bytes.length)
    const end = bytes.indexOf(HEAD_END, Math.max(at, seenTo - 3))
    const headBytes = (end === -1 ? bytes.length - PART_MAX : end) - at
    if (headBytes > this.#limits.headBytesMax) return this.#refuse('head too large')
    if (end === -1) {
      if (hasBareLineEnd(bytes, Math.max(at, seenTo - 1))) return this.#refuse('bare line end')
      return beginsHead(bytes, at) ? this.#keep(bytes, at) : this.#refuse('status line')
    }
    const head = this.#heads.parse(readLatin1(bytes, at, end + 2), this.#isBodyless)
    if ('malformed' in head) return this.#refuse(head)
    return this.#takeParsed(head, bytes, end + HEAD_END.length)
  }

  #takeParsed(head: ResponseHead, bytes: Buffer, next: number): number {
    return head.status < 200 ? this.#takeInterim(head, bytes, next) : this.#begin(head, bytes, next)
  }

  #takeInterim(head: ResponseHead, bytes: Buffer, next: number): number {
    if (head.status === 101) {
      if (!this.#takesUpgrade) return this.#refuse('a switch that nobody asked for')
      this.stop()
      this.#sink.upgraded(head, Buffer.from(bytes.subarray(next)))
      return 0
    }
    this.#interims += 1
    if (this.#interims > this.#limits.interimsMax) return this.#refuse('interim responses')
    this.#sink.interim(head.status, head.fields)
    return next
  }

  #begin(head: ResponseHead, bytes: Buffer, next: number): number {
    const { framing, bodyBytes } = head
    const isOver = framing === 'none' || (framing === 'length' && bodyBytes === 0)
    this.#state = framing === 'close' ? 'close' : 'body'
    if (framing === 'length' || framing === 'chunked') {
      this.#body.begin(framing === 'length' ? bodyBytes : 'chunked')
    }
    this.#sink.head(head, isOver || (framing === 'length' && bodyBytes <= bytes.length - next))
    if (isOver && this.#isReading()) this.#end(NO_FIELDS, next < bytes.length)
    return next
  }

  #takeBody(bytes: Buffer, at: number): number {
    const next = this.#body.take(bytes, at)
    if (!this.#isReading()) return 0
    const { malformed, trailers } = this.#body
    if (malformed !== undefined) return this.#refuse(malformed)
    if (!this.#body.isOver) return next === bytes.length ? next : this.#keep(bytes, next)
    this.#end(trailers, next < bytes.length)
    return next
  }

  #end(trailers: UpstreamFields, hasMore: boolean): void {
    this.stop()
    this.#sink.end(trailers, hasMore)
  }

  #keep(bytes: Buffer, at: number): number {
    this.#pending = Buffer.from(bytes.subarray(at))
    return 0
  }

  #refuse(why: string | Malformed): 0 {
    this.stop()
    this.#sink.malformed(typeof why === 'string' ? why : why.malformed)
    return 0
  }
}

/** What can no longer become a head is not waited for. */
function beginsHead(bytes: Buffer, at: number): boolean {
  const known = Math.min(HEAD_BEGIN.length, bytes.length - at)
  return bytes.compare(HEAD_BEGIN, 0, known, at, at + known) === 0
}
