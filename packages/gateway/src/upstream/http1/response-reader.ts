import type { UpstreamFields } from '../types.ts'
import { type Malformed, parseFields, parseHead, type ResponseHead } from './response-head.ts'

/** What becomes of the bytes of one connection. */
export interface ResponseSink {
  interim(status: number, fields: UpstreamFields): void
  /** Framing is known; a head without a body is followed by `end`. */
  head(head: ResponseHead): void
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
}

const LF = 0x0a
const CR = 0x0d
const NO_FIELDS: UpstreamFields = []
const HEAD_END = Buffer.from('\r\n\r\n')
/** What an upstream announces is not believed beyond this before it is there. */
const WHOLE_BYTES_MAX = 256 * 1024
/** What of HEAD_END may be there already. */
const PART_MAX = HEAD_END.length - 1
const HEAD_BEGIN = Buffer.from('HTTP/1.')
const CHUNK_LINE_BYTES_MAX = 1024
const TOKEN = /[A-Za-z0-9!#$%&'*+.^`|~_-]+/.source
const QUOTED = /"[\t !#-[\]-~]*"/.source
const EXTENSION = `;${TOKEN}(?:=(?:${TOKEN}|${QUOTED}))?`
const CHUNK_LINE = new RegExp(`^([0-9A-Fa-f]{1,12})(?:${EXTENSION})*$`)

type State = 'idle' | 'head' | 'length' | 'size' | 'chunk' | 'chunk-end' | 'trailers' | 'close'

/**
 * Takes a connection's bytes apart, in one pass: a response that comes whole is read whole. Bytes
 * where no response is due are malformed. Buffers given to `push` may be used again afterwards.
 */
export class ResponseReader {
  readonly #sink: ResponseSink
  readonly #limits: ReaderLimits
  #state: State = 'idle'
  #isBodyless = false
  #takesUpgrade = false
  /** Bytes of the body, or of the chunk, that are still to come. */
  #left = 0
  #interims = 0
  /** The beginning of what is not whole yet: a head, a chunk's line, the trailers. */
  #pending: Buffer | undefined
  /** Room for a body whose length is known, where it comes in pieces. */
  #whole: Buffer | undefined

  constructor(sink: ResponseSink, limits: ReaderLimits) {
    this.#sink = sink
    this.#limits = limits
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
    this.#whole = undefined
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
      case 'length':
      case 'chunk':
        return this.#takeData(bytes, at)
      case 'size':
        return this.#takeSize(bytes, at)
      case 'chunk-end':
        return this.#takeChunkEnd(bytes, at)
      case 'trailers':
        return this.#takeTrailers(bytes, at)
      case 'close':
        this.#sink.data(Buffer.from(bytes.subarray(at)))
        return bytes.length
      default:
        return 0
    }
  }

  #takeHead(bytes: Buffer, at: number, seenTo: number): number {
    const end = bytes.indexOf(HEAD_END, Math.max(at, seenTo - 3))
    const headBytes = (end === -1 ? bytes.length - PART_MAX : end) - at
    if (headBytes > this.#limits.headBytesMax) return this.#refuse('head too large')
    if (end === -1) {
      if (hasBareLineEnd(bytes, Math.max(at, seenTo - 1))) return this.#refuse('bare line end')
      return beginsHead(bytes, at) ? this.#keep(bytes, at) : this.#refuse('status line')
    }
    const head = parseHead(bytes.toString('latin1', at, end + 2), this.#isBodyless)
    if ('malformed' in head) return this.#refuse(head)
    const next = end + HEAD_END.length
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
    this.#left = bodyBytes
    const isOver = framing === 'none' || (framing === 'length' && bodyBytes === 0)
    if (framing === 'length') this.#state = 'length'
    else this.#state = framing === 'close' ? 'close' : 'size'
    this.#sink.head(head)
    if (isOver && this.#isReading()) this.#end(NO_FIELDS, next < bytes.length)
    return next
  }

  #takeData(bytes: Buffer, at: number): number {
    const next = Math.min(bytes.length, at + this.#left)
    const chunk = this.#copy(bytes, at, next)
    this.#left -= next - at
    this.#sink.data(chunk)
    if (this.#left > 0 || !this.#isReading()) return next
    if (this.#state === 'length') this.#end(NO_FIELDS, next < bytes.length)
    else this.#state = 'chunk-end'
    return next
  }

  /** A copy; the pieces of one body lie beside each other, so that it can be had in one piece. */
  #copy(bytes: Buffer, at: number, next: number): Uint8Array {
    const isPart = this.#state === 'length' && this.#left > next - at
    if (isPart && this.#whole === undefined && this.#left <= WHOLE_BYTES_MAX) {
      this.#whole = Buffer.allocUnsafeSlow(this.#left)
    }
    const whole = this.#whole
    if (whole === undefined) return Buffer.from(bytes.subarray(at, next))
    const from = whole.length - this.#left
    bytes.copy(whole, from, at, next)
    return whole.subarray(from, from + next - at)
  }

  #takeSize(bytes: Buffer, at: number): number {
    const end = bytes.indexOf(LF, at)
    const lineBytes = (end === -1 ? bytes.length : end) - at
    if (lineBytes > CHUNK_LINE_BYTES_MAX) return this.#refuse('chunk line too long')
    if (end === -1) return this.#keep(bytes, at)
    if (bytes[end - 1] !== CR || end === at) return this.#refuse('bare line end')
    const [, size] = CHUNK_LINE.exec(bytes.toString('latin1', at, end - 1)) ?? []
    if (size === undefined) return this.#refuse('chunk line')
    this.#left = Number.parseInt(size, 16)
    this.#state = this.#left === 0 ? 'trailers' : 'chunk'
    return end + 1
  }

  #takeChunkEnd(bytes: Buffer, at: number): number {
    if (bytes[at] !== CR) return this.#refuse('chunk longer than it says')
    if (at + 1 === bytes.length) return this.#keep(bytes, at)
    if (bytes[at + 1] !== LF) return this.#refuse('chunk longer than it says')
    this.#state = 'size'
    return at + 2
  }

  #takeTrailers(bytes: Buffer, at: number): number {
    if (bytes[at] === CR && bytes[at + 1] === LF) return this.#endChunked(NO_FIELDS, bytes, at + 2)
    const end = bytes.indexOf(HEAD_END, at)
    const sectionBytes = (end === -1 ? bytes.length - PART_MAX : end) - at
    if (sectionBytes > this.#limits.headBytesMax) return this.#refuse('trailers too large')
    if (end === -1) {
      if (hasBareLineEnd(bytes, at)) return this.#refuse('bare line end')
      return this.#keep(bytes, at)
    }
    const fields = parseFields(bytes.toString('latin1', at, end + 2), 0)
    if (fields === undefined) return this.#refuse('trailer line')
    if (fields.some(([name]) => FRAMING.has(name.toLowerCase()))) return this.#refuse('trailer')
    return this.#endChunked(fields, bytes, end + HEAD_END.length)
  }

  #endChunked(trailers: UpstreamFields, bytes: Buffer, next: number): number {
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

const FRAMING: ReadonlySet<string> = new Set(['content-length', 'transfer-encoding'])

/** What can no longer become a head is not waited for. */
function beginsHead(bytes: Buffer, at: number): boolean {
  const known = Math.min(HEAD_BEGIN.length, bytes.length - at)
  return bytes.compare(HEAD_BEGIN, 0, known, at, at + known) === 0
}

/** A line feed after anything but a carriage return: it would end a line for a lenient reader. */
function hasBareLineEnd(bytes: Buffer, from: number): boolean {
  for (let at = bytes.indexOf(LF, from); at !== -1; at = bytes.indexOf(LF, at + 1)) {
    if (bytes[at - 1] !== CR) return true
  }
  return false
}
