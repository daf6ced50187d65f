import { parseFields } from '../../http1/index.ts'
import type { UpstreamFields } from '../types.ts'

/** How the end of a response body is found. */
export type BodyFraming = 'none' | 'length' | 'chunked' | 'close'

export interface ResponseHead {
  readonly status: number
  readonly fields: UpstreamFields
  readonly framing: BodyFraming
  /** Of a body of framing `length`. */
  readonly bodyBytes: number
  /** The upstream will take another request on the connection. */
  readonly isPersistent: boolean
  /** Value of `Keep-Alive`, or empty. */
  readonly keepAlive: string
}

/** What is against it, in words for the operator's log. */
export type Malformed = { readonly malformed: string }

const STATUS_LINE = /^HTTP\/1\.([01]) ([1-5][0-9][0-9])(?: [\t\x20-\x7e\x80-\xff]*)?$/
/** As of HTTP/2: lines cost more than their bytes. */
const FIELDS_MAX = 1000
const LENGTH_FORM = /^(?:0|[1-9][0-9]{0,14})$/

/**
 * Reads a head: `text` is Latin-1, from the first byte to the line end of its last line. What two
 * readers could take differently is refused, not repaired.
 */
export function parseHead(text: string, isBodyless: boolean): ResponseHead | Malformed {
  const lineEnd = text.indexOf('\r\n')
  const [, minor, digits] = STATUS_LINE.exec(text.slice(0, lineEnd)) ?? []
  if (minor === undefined) return { malformed: 'status line' }
  const fields = parseFields(text, lineEnd + 2)
  if (fields === undefined) return { malformed: 'header line' }
  if (fields.length > FIELDS_MAX) return { malformed: 'too many header lines' }
  const status = Number(digits)
  return readMeaning(fields, { status, isVersion11: minor === '1', isBodyless })
}

/** Longer ones are not remembered. */
const REMEMBERED_LENGTH_MAX = 4096

/** A head as it was sent, with the empty line that ends it, and what it says. */
interface RememberedHead {
  readonly bytes: Buffer
  readonly head: ResponseHead
}

/** Reads the heads of one upstream's answers, of which many are the same as the one before. */
export class HeadParser {
  #text = ''
  #head: ResponseHead | undefined
  /** The same, once it has come twice in a row. */
  #remembered: RememberedHead | undefined

  /** The head before, where it begins at `at` once more: only for what may have a body. */
  again(bytes: Buffer, at: number): RememberedHead | undefined {
    const known = this.#remembered
    if (known === undefined) return undefined
    const { length } = known.bytes
    if (at + length > bytes.length) return undefined
    return bytes.compare(known.bytes, 0, length, at, at + length) === 0 ? known : undefined
  }

  /** As `parseHead`; the same head, its fields too, for the same text. */
  parse(text: string, isBodyless: boolean): ResponseHead | Malformed {
    if (this.#head !== undefined && !isBodyless && text === this.#text) {
      this.#remembered ??= { bytes: Buffer.from(`${text}\r\n`, 'latin1'), head: this.#head }
      return this.#head
    }
    const head = parseHead(text, isBodyless)
    if (isBodyless || 'malformed' in head || text.length > REMEMBERED_LENGTH_MAX) return head
    this.#text = text
    this.#head = head
    this.#remembered = undefined
    return head
  }
}

interface Known {
  readonly status: number
  readonly isVersion11: boolean
  /** What was asked has no body in its answer. */
  readonly isBodyless: boolean
}

/** The fields that speak of the message and the connection; each framing field at most once. */
function readMeaning(fields: UpstreamFields, known: Known): ResponseHead | Malformed {
  let length: string | undefined
  let coding: string | undefined
  let connection = ''
  let keepAlive = ''
  for (const [name, value] of fields) {
    if (name.length === 14 && name.toLowerCase() === 'content-length') {
      if (length !== undefined) return { malformed: 'more than one Content-Length' }
      length = value
    } else if (name.length === 17 && name.toLowerCase() === 'transfer-encoding') {
      if (coding !== undefined) return { malformed: 'more than one Transfer-Encoding' }
      coding = value.toLowerCase()
    } else if (name.length === 10) {
      const lowerCaseName = name.toLowerCase()
      if (lowerCaseName === 'connection') connection += `,${value.toLowerCase()}`
      else if (lowerCaseName === 'keep-alive') keepAlive = value
    }
  }
  const malformed = refuseFraming(length, coding, known)
  if (malformed !== undefined) return { malformed }
  const { status, isVersion11, isBodyless } = known
  const hasNone = isBodyless || status < 200 || status === 204 || status === 304
  const framing = hasNone ? 'none' : framingOf(length, coding)
  const mayGoOn = isVersion11 && framing !== 'close' && !isClosing(connection)
  // A body where there is none may come late, and would be the next caller's answer.
  const mayHaveBody = isBodyless || (hasNone && (coding ?? length ?? '0') !== '0')
  const isPersistent = mayGoOn && !mayHaveBody
  return { status, fields, framing, bodyBytes: Number(length ?? 0), isPersistent, keepAlive }
}

function refuseFraming(
  length: string | undefined,
  coding: string | undefined,
  { isVersion11 }: Known,
): string | undefined {
  if (coding !== undefined) {
    if (length !== undefined) return 'Content-Length beside Transfer-Encoding'
    if (coding !== 'chunked') return 'Transfer-Encoding that is not chunked alone'
    return isVersion11 ? undefined : 'Transfer-Encoding in HTTP/1.0'
  }
  return length === undefined || LENGTH_FORM.test(length) ? undefined : 'Content-Length'
}

function framingOf(length: string | undefined, coding: string | undefined): BodyFraming {
  if (coding !== undefined) return 'chunked'
  return length === undefined ? 'close' : 'length'
}

function isClosing(connection: string): boolean {
  if (connection === '') return false
  return connection.split(',').some((member) => member.trim() === 'close')
}
