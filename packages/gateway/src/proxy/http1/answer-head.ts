import { STATUS_CODES } from 'node:http'
import { formatFields } from '../../http1/index.ts'
import type { Clock } from '../../platform/index.ts'
import type { ResponseHead } from '../exchange.ts'
import type { HeaderFields } from '../header-fields.ts'

/** How the end of an answer is found. */
export type AnswerFraming =
  | { readonly kind: 'none' }
  | { readonly kind: 'chunked' }
  | { readonly kind: 'length'; readonly bytes: number }

const NONE: AnswerFraming = { kind: 'none' }
const CHUNKED: AnswerFraming = { kind: 'chunked' }

/** Lines of our own, made anew when they change. */
export class OwnLines {
  readonly #clock: Clock
  /** Monotonic: until then the date is what it is. */
  #dateUntilMs = -1
  #date = ''
  #keptMs = -1
  #kept = ''

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** For answers that do not say one (RFC 9110, section 6.6.1). */
  get date(): string {
    const nowMs = this.#clock.ticksMs()
    if (nowMs >= this.#dateUntilMs) {
      const wallMs = this.#clock.nowUs() / 1000
      this.#dateUntilMs = nowMs + 1000 - (wallMs % 1000)
      this.#date = `date: ${new Date(wallMs).toUTCString()}\r\n`
    }
    return this.#date
  }

  /** How long a connection is kept: what clients go by, so that no request meets its end. */
  kept(keepAliveMs: number): string {
    if (keepAliveMs !== this.#keptMs) {
      this.#keptMs = keepAliveMs
      const seconds = Math.floor(keepAliveMs / 1000)
      this.#kept = `connection: keep-alive\r\nkeep-alive: timeout=${seconds}\r\n`
    }
    return this.#kept
  }
}

/**
 * How an answer is framed: as it says, or by its one piece where that is the whole of it, or in
 * chunks. What answers HEAD, and some statuses, have no body whatever they say.
 */
export function framingOf(
  { status, fields, length: said }: ResponseHead,
  method: string,
  wholeBytes: number | undefined,
): AnswerFraming {
  if (method === 'HEAD' || status < 200 || status === 204 || status === 304) return NONE
  const length = said ?? find(fields, 'content-length')
  if (length !== undefined) return { kind: 'length', bytes: Number(length) }
  return wholeBytes === undefined ? CHUNKED : { kind: 'length', bytes: wholeBytes }
}

/**
 * The head as it is sent, in Latin-1; `connection` is what it says of the connection. Throws where
 * something in it would end a line early.
 */
export function formatAnswer(
  { status, fields, kept, length, made = '' }: ResponseHead,
  framing: AnswerFraming,
  { own, connection }: { readonly own: OwnLines; readonly connection: string },
): string {
  const dated = kept?.isDated === true || find(fields, 'date') !== undefined ? '' : own.date
  let lines = statusLine(status)
  if (kept !== undefined) lines += sendable(kept.lines)
  if (length !== undefined) lines += `content-length: ${length}\r\n`
  if (fields.length > 0) lines += linesOf(fields)
  const end = length === undefined ? framed(fields, framing) : ''
  return `${lines}${made}${dated}${end}${connection}\r\n`
}

/** A head that no answer's framing follows: 1xx, and the one that changes protocols. */
export function formatInterim(status: number, fields: HeaderFields): string {
  return `${statusLine(status)}${linesOf(fields)}\r\n`
}

function framed(fields: HeaderFields, framing: AnswerFraming): string {
  if (framing.kind === 'none') return ''
  if (framing.kind === 'chunked') return 'transfer-encoding: chunked\r\n'
  return find(fields, 'content-length') !== undefined ? '' : `content-length: ${framing.bytes}\r\n`
}

function linesOf(fields: HeaderFields): string {
  return sendable(formatFields(fields))
}

function sendable(lines: string | undefined): string {
  if (lines === undefined) throw new Error('a header field that cannot be sent')
  return lines
}

function statusLine(status: number): string {
  if (status === 200) return 'HTTP/1.1 200 OK\r\n'
  return `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n`
}

/** The first value under a name. */
function find(fields: HeaderFields, lowerCaseName: string): string | undefined {
  for (const [name, value] of fields) {
    if (name.length === lowerCaseName.length && name.toLowerCase() === lowerCaseName) return value
  }
  return undefined
}
