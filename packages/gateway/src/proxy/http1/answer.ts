import { formatFields } from '../../http1/index.ts'
import type { Outbound, ResponseHead } from '../exchange.ts'
import type { HeaderFields } from '../header-fields.ts'
import { type AnswerFraming, formatAnswer, formatInterim, framingOf } from './answer-head.ts'
import type { ClientExchange, ExchangeLine } from './client-exchange.ts'

const NOTHING = new Uint8Array()
const EARLY_HINTS = 103

/** The answer to one request; its head goes out with what follows it. */
export class Answer implements Outbound {
  readonly #line: ExchangeLine
  readonly #exchange: ClientExchange
  readonly #method: string
  #head: ResponseHead | undefined
  #connection = ''
  #framing: AnswerFraming | undefined
  #leftBytes = 0
  #hasEnded = false

  constructor(line: ExchangeLine, exchange: ClientExchange, method: string) {
    this.#line = line
    this.#exchange = exchange
    this.#method = method
  }

  get hasBegun(): boolean {
    return this.#head !== undefined || this.#framing !== undefined
  }

  get hasEnded(): boolean {
    return this.#hasEnded
  }

  hint(fields: HeaderFields): void {
    if (this.hasBegun) return
    void this.#line.put(formatInterim(EARLY_HINTS, fields), NOTHING, '', false)
  }

  begin(head: ResponseHead): void {
    this.#head = head
    this.#connection = this.#line.beginAnswer(this.#exchange, head.isLast)
    if (head.isEager === true) void this.#line.put(this.#takeHead(undefined), NOTHING, '', false)
  }

  write(chunk: Uint8Array): Promise<void> | undefined {
    if (this.#hasEnded || chunk.length === 0) return undefined
    const head = this.#takeHead(undefined)
    return this.#send(head, chunk, '', false)
  }

  end(last: Uint8Array, trailers: HeaderFields): Promise<void> | undefined {
    if (this.#hasEnded) return undefined
    const isWhole = this.#framing === undefined && trailers.length === 0
    const head = this.#takeHead(isWhole ? last.length : undefined)
    this.#hasEnded = true
    return this.#send(head, last, endOf(trailers), true)
  }

  destroy(): void {
    this.#line.destroy()
  }

  #send(head: string, bytes: Uint8Array, end: string, isEnd: boolean): Promise<void> | undefined {
    const line = this.#line
    switch (this.#framing?.kind) {
      case 'chunked':
        if (bytes.length === 0) return line.put(head, bytes, end, isEnd)
        return line.put(`${head}${bytes.length.toString(16)}\r\n`, bytes, `\r\n${end}`, isEnd)
      case 'length':
        this.#leftBytes -= bytes.length
        if (this.#leftBytes < 0) throw new Error('an answer that is longer than it says')
        if (isEnd && this.#leftBytes > 0) throw new Error('an answer that is shorter than it says')
        return line.put(head, bytes, '', isEnd)
      default:
        return line.put(head, NOTHING, '', isEnd)
    }
  }

  /** Empty when it is sent already. */
  #takeHead(wholeBytes: number | undefined): string {
    const head = this.#head
    if (head === undefined) return ''
    this.#head = undefined
    const framing = framingOf(head, this.#method, wholeBytes)
    this.#framing = framing
    if (framing.kind === 'length') this.#leftBytes = framing.bytes
    return formatAnswer(head, framing, { own: this.#line.own, connection: this.#connection })
  }
}

/** What ends a body of chunks. */
function endOf(trailers: HeaderFields): string {
  if (trailers.length === 0) return '0\r\n\r\n'
  const lines = formatFields(trailers)
  if (lines === undefined) throw new Error('a trailer that cannot be sent')
  return `0\r\n${lines}\r\n`
}
