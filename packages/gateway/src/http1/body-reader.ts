import { type Fields, hasBareLineEnd, parseFields } from './fields.ts'

const LF = 0x0a
const CR = 0x0d
const NO_FIELDS: Fields = []
const HEAD_END = Buffer.from('\r\n\r\n')
/** What of HEAD_END may be there already. */
const PART_MAX = HEAD_END.length - 1
/** What is announced is not believed beyond this before it is there. */
const WHOLE_BYTES_MAX = 256 * 1024
const CHUNK_LINE_BYTES_MAX = 1024
const TOKEN = /[A-Za-z0-9!#$%&'*+.^`|~_-]+/.source
const QUOTED = /"[\t !#-[\]-~]*"/.source
const EXTENSION = `;${TOKEN}(?:=(?:${TOKEN}|${QUOTED}))?`
const CHUNK_LINE = new RegExp(`^([0-9A-Fa-f]{1,12})(?:${EXTENSION})*$`)
const FRAMING: ReadonlySet<string> = new Set(['content-length', 'transfer-encoding'])

interface Options {
  /** Of the section of trailers. */
  readonly trailerBytesMax: number
  /** The pieces of one body lie beside each other, so that it can be had in one piece. */
  readonly isJoined?: boolean
}

type State = 'idle' | 'length' | 'size' | 'chunk' | 'chunk-end' | 'trailers'

/** Takes the body of one message after the other off a connection's bytes (RFC 9112, section 7). */
export class BodyReader {
  readonly #data: (chunk: Uint8Array) => void
  readonly #options: Options
  #state: State = 'idle'
  /** Bytes of the body, or of the chunk, that are still to come. */
  #left = 0
  /** Room for a body whose length is known, where it comes in pieces. */
  #whole: Buffer | undefined
  /** Of the last body that was chunked. */
  trailers: Fields = NO_FIELDS
  /** What is against the body: nothing more is taken of it. */
  malformed: string | undefined

  /** `data` is told of copies, its own to keep. */
  constructor(data: (chunk: Uint8Array) => void, options: Options) {
    this.#data = data
    this.#options = options
  }

  /** Nothing of a body is due: it is whole, or it was let go. */
  get isOver(): boolean {
    return this.#state === 'idle'
  }

  /** A body follows: so many bytes, or chunks. */
  begin(bodyBytes: number | 'chunked'): void {
    this.trailers = NO_FIELDS
    this.malformed = undefined
    if (bodyBytes === 'chunked') this.#state = 'size'
    else {
      this.#left = bodyBytes
      this.#state = bodyBytes === 0 ? 'idle' : 'length'
    }
  }

  stop(): void {
    this.#state = 'idle'
    this.#whole = undefined
  }

  /**
   * Takes what it can from `at` on and says where that ends. What is behind it belongs to nobody
   * yet when the body is over, and comes again with what follows it when it is not.
   */
  take(bytes: Buffer, at: number): number {
    let from = at
    while (from < bytes.length && this.#state !== 'idle') {
      const next = this.#takePart(bytes, from)
      if (next === from) break
      from = next
    }
    return from
  }

  #takePart(bytes: Buffer, at: number): number {
    switch (this.#state) {
      case 'length':
      case 'chunk':
        return this.#takeData(bytes, at)
      case 'size':
        return this.#takeSize(bytes, at)
      case 'chunk-end':
        return this.#takeChunkEnd(bytes, at)
      case 'trailers':
        return this.#takeTrailers(bytes, at)
      default:
        return at
    }
  }

  #takeData(bytes: Buffer, at: number): number {
    const next = Math.min(bytes.length, at + this.#left)
    const chunk = this.#copy(bytes, at, next)
    this.#left -= next - at
    const isLast = this.#left === 0 && this.#state === 'length'
    if (isLast) this.stop()
    else if (this.#left === 0) this.#state = 'chunk-end'
    this.#data(chunk)
    return next
  }

  #copy(bytes: Buffer, at: number, next: number): Uint8Array {
    const isPart = this.#state === 'length' && this.#left > next - at
    const mayJoin = isPart && this.#options.isJoined === true && this.#left <= WHOLE_BYTES_MAX
    if (mayJoin && this.#whole === undefined) this.#whole = Buffer.allocUnsafeSlow(this.#left)
    const whole = this.#whole
    if (whole === undefined) return Buffer.from(bytes.subarray(at, next))
    const from = whole.length - this.#left
    bytes.copy(whole, from, at, next)
    return whole.subarray(from, from + next - at)
  }

  #takeSize(bytes: Buffer, at: number): number {
    const end = bytes.indexOf(LF, at)
    const lineBytes = (end === -1 ? bytes.length : end) - at
    if (lineBytes > CHUNK_LINE_BYTES_MAX) return this.#refuse('chunk line too long', at)
    if (end === -1) return at
    if (bytes[end - 1] !== CR || end === at) return this.#refuse('bare line end', at)
    const [, size] = CHUNK_LINE.exec(bytes.toString('latin1', at, end - 1)) ?? []
    if (size === undefined) return this.#refuse('chunk line', at)
    this.#left = Number.parseInt(size, 16)
    this.#state = this.#left === 0 ? 'trailers' : 'chunk'
    return end + 1
  }

  #takeChunkEnd(bytes: Buffer, at: number): number {
    if (bytes[at] !== CR) return this.#refuse('chunk longer than it says', at)
    if (at + 1 === bytes.length) return at
    if (bytes[at + 1] !== LF) return this.#refuse('chunk longer than it says', at)
    this.#state = 'size'
    return at + 2
  }

  #takeTrailers(bytes: Buffer, at: number): number {
    if (bytes[at] === CR && bytes[at + 1] === LF) return this.#end(at + 2)
    const end = bytes.indexOf(HEAD_END, at)
    const sectionBytes = (end === -1 ? bytes.length - PART_MAX : end) - at
    if (sectionBytes > this.#options.trailerBytesMax) return this.#refuse('trailers too large', at)
    if (end === -1) return hasBareLineEnd(bytes, at) ? this.#refuse('bare line end', at) : at
    const fields = parseFields(bytes.toString('latin1', at, end + 2), 0)
    if (fields === undefined) return this.#refuse('trailer line', at)
    const isFraming = fields.some(([name]) => FRAMING.has(name.toLowerCase()))
    if (isFraming) return this.#refuse('trailer', at)
    this.trailers = fields
    return this.#end(end + HEAD_END.length)
  }

  #end(next: number): number {
    this.stop()
    return next
  }

  #refuse(why: string, at: number): number {
    this.stop()
    this.malformed = why
    return at
  }
}
