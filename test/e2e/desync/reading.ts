// The only reading of a client's bytes that the gateway may have: RFC 9112 without any of its
// leniencies but an empty line before a request. Written apart from the gateway, on purpose.

export type Field = readonly [name: string, value: string]

/** One request as it must be read. */
export interface ReadRequest {
  readonly method: string
  readonly target: string
  readonly fields: readonly Field[]
  /** Undefined where it is chunked. */
  readonly length: number | undefined
  readonly body: string
  /** `short`: the bytes ended inside it; `broken`: they are no body. */
  readonly ends: 'whole' | 'short' | 'broken'
  /** Nothing after it is to be answered. */
  readonly isLast: boolean
  /** Where its head began. */
  readonly from: number
}

export interface Reading {
  readonly requests: readonly ReadRequest[]
  /** What follows the last of them. */
  readonly rest: 'nothing' | 'part of a head' | 'no request'
}

const REQUEST_LINE = /^([A-Z]+(?:-[A-Z]+)*) ([!-~]+) HTTP\/1\.1$/
const FIELD_LINE =
  /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*((?:[!-~\x80-\xff]|[ \t](?![ \t]*$))*)[ \t]*$/
const HEAD_BYTES_MAX = 16_384

/** Reads what was sent on one connection, each byte as one character. */
export function readConnection(bytes: string): Reading {
  const requests: ReadRequest[] = []
  let at = 0
  for (;;) {
    if (bytes.startsWith('\r\n', at)) at += 2
    if (at >= bytes.length) return { requests, rest: 'nothing' }
    const end = bytes.indexOf('\r\n\r\n', at)
    const head = readHead(bytes.slice(at, end === -1 ? bytes.length : end), end === -1)
    if (head === 'incomplete') return { requests, rest: 'part of a head' }
    if (head === undefined) return { requests, rest: 'no request' }
    const body = readBody(bytes, end + 4, head.length)
    requests.push({ ...head, ...body, from: at })
    if (body.ends !== 'whole' || head.isLast) return { requests, rest: 'nothing' }
    at = body.next
  }
}

interface ReadHead
  extends Pick<ReadRequest, 'method' | 'target' | 'fields' | 'length' | 'isLast'> {}

function readHead(text: string, isCut: boolean): ReadHead | 'incomplete' | undefined {
  if (isCut) return 'incomplete'
  if (text.length > HEAD_BYTES_MAX) return undefined
  const [line = '', ...lines] = text.split('\r\n')
  const [, method, target] = REQUEST_LINE.exec(line) ?? []
  if (method === undefined || target === undefined) return undefined
  const fields: Field[] = []
  for (const each of lines) {
    const [, name, value] = FIELD_LINE.exec(each) ?? []
    if (name === undefined || value === undefined) return undefined
    fields.push([name, value])
  }
  const length = lengthOf(fields)
  if (length === 'refused') return undefined
  return {
    method,
    target,
    fields,
    length,
    isLast: membersOf(fields, 'connection').includes('close'),
  }
}

/** Exactly one way of saying where the body ends, in its one spelling. */
function lengthOf(fields: readonly Field[]): number | undefined | 'refused' {
  const lengths = valuesOf(fields, 'content-length')
  const codings = valuesOf(fields, 'transfer-encoding')
  if (lengths.length + codings.length > 1) return 'refused'
  const [coding] = codings
  if (coding !== undefined) return coding.toLowerCase() === 'chunked' ? undefined : 'refused'
  const [length = '0'] = lengths
  return /^(?:0|[1-9]\d{0,14})$/.test(length) ? Number(length) : 'refused'
}

type ReadBody = Pick<ReadRequest, 'body' | 'ends'> & { readonly next: number }

function readBody(bytes: string, from: number, length: number | undefined): ReadBody {
  if (length === undefined) return readChunks(bytes, from)
  const body = bytes.slice(from, from + length)
  return { body, ends: body.length === length ? 'whole' : 'short', next: from + length }
}

const SIZE_LINE = /^([0-9A-Fa-f]{1,15})((?:;[ -~\t\x80-\xff]*)?)$/

function readChunks(bytes: string, from: number): ReadBody {
  let [body, at] = ['', from]
  for (;;) {
    const end = bytes.indexOf('\r\n', at)
    if (end === -1) return { body, ends: 'short', next: bytes.length }
    const size = SIZE_LINE.exec(bytes.slice(at, end))?.[1]
    if (size === undefined) return { body, ends: 'broken', next: bytes.length }
    const count = Number.parseInt(size, 16)
    at = end + 2
    if (count === 0) return readTrailers(bytes, at, body)
    const data = bytes.slice(at, at + count)
    body += data
    at += count
    if (data.length < count || bytes.length < at + 2) {
      const isWrong = data.length === count && !'\r\n'.startsWith(bytes.slice(at))
      return { body, ends: isWrong ? 'broken' : 'short', next: bytes.length }
    }
    if (!bytes.startsWith('\r\n', at)) return { body, ends: 'broken', next: bytes.length }
    at += 2
  }
}

function readTrailers(bytes: string, from: number, body: string): ReadBody {
  let at = from
  for (;;) {
    const end = bytes.indexOf('\r\n', at)
    if (end === -1) return { body, ends: 'short', next: bytes.length }
    if (end === at) return { body, ends: 'whole', next: end + 2 }
    if (!FIELD_LINE.test(bytes.slice(at, end))) return { body, ends: 'broken', next: bytes.length }
    at = end + 2
  }
}

export function valuesOf(fields: readonly Field[], name: string): readonly string[] {
  return fields.filter(([each]) => each.toLowerCase() === name).map(([, value]) => value)
}

export function membersOf(fields: readonly Field[], name: string): readonly string[] {
  return valuesOf(fields, name).flatMap((value) =>
    value.split(',').map((member) => member.trim().toLowerCase()),
  )
}

/** What goes on of a target, or undefined where two servers could take it differently. */
export function canonicalTarget(
  target: string,
  host: string,
): { readonly path: string; readonly query: string | undefined } | undefined {
  const origin = originForm(target, host)
  if (origin === undefined) return undefined
  const [raw = '', ...more] = origin.split('?')
  const query = more.length === 0 ? undefined : more.join('?')
  if (!/^\/[\w\-.~!$&'()*+,=:@/%]*$/.test(raw) || /[\\#]/.test(origin)) return undefined
  if (/%(?![0-9a-f]{2})/i.test(origin) || /%(?:[01].|7f|2f|5c)/i.test(raw)) return undefined
  const path = raw.replace(/%(..)/g, (escaped, hex: string) => {
    const character = String.fromCharCode(Number.parseInt(hex, 16))
    return /[A-Za-z0-9\-._~]/.test(character) ? character : escaped.toUpperCase()
  })
  const segments = path.slice(1).split('/')
  const isOdd = segments.some((each, nth) => {
    return each === '.' || each === '..' || (each === '' && nth < segments.length - 1)
  })
  return isOdd || !isUtf8(path) ? undefined : { path, query }
}

function originForm(target: string, host: string): string | undefined {
  if (target.startsWith('/')) return target
  const [, authority, rest = ''] = /^http:\/\/([^/?#]*)(.*)$/i.exec(target) ?? []
  if (authority === undefined || canonicalHost(authority) !== canonicalHost(host)) return undefined
  return rest.startsWith('/') ? rest : `/${rest}`
}

function isUtf8(path: string): boolean {
  const bytes = Buffer.from(
    path.replace(/%(..)/g, (_, hex: string) => {
      return String.fromCharCode(Number.parseInt(hex, 16))
    }),
    'latin1',
  )
  return Buffer.from(bytes.toString('utf8')).equals(bytes)
}

/** Undefined where it is no name or address, with or without a port. */
export function canonicalHost(host: string): string | undefined {
  const form = /^(\[[0-9a-f:.]+\]|[a-z0-9_-]+(?:\.[a-z0-9_-]+)*)\.?(:[0-9]{1,5})?$/
  const [, name, port = ''] = form.exec(host.toLowerCase()) ?? []
  const number = Number(port.slice(1) || '1')
  if (name === undefined || number === 0 || number > 65_535) return undefined
  return `${name}${port === '' ? '' : `:${number}`}`
}
