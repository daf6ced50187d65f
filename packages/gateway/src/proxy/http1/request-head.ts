import { METHODS } from 'node:http'
import { parseFields } from '../../http1/index.ts'
import { type Framing, readFraming } from '../framing.ts'
import { type HeaderFields, listMembers, valuesOf } from '../header-fields.ts'
import { asksForWebSocket } from '../websocket/handshake.ts'

/** A request's head as it came, and what it says of the connection. */
export interface RequestHead {
  readonly method: string
  readonly target: string
  readonly version: string
  readonly fields: HeaderFields
  readonly framing: Framing
  /** Nothing that follows it is a request. */
  readonly isLast: boolean
  /** The client waits to be invited before it sends its body. */
  readonly isWaiting: boolean
  /** It asks to become a WebSocket: what follows is no body and no request until it is answered. */
  readonly asksForUpgrade: boolean
}

type RequestLine = Pick<RequestHead, 'method' | 'target' | 'version'>

/** What is no method of anybody's is no HTTP; which of them are served is said elsewhere. */
const KNOWN_METHODS: ReadonlySet<string> = new Set(METHODS)
const METHOD_BYTES_MAX = Math.max(...METHODS.map(({ length }) => length))
/** By what the line ends with; a line without any is of HTTP/0.9. */
const VERSIONS: ReadonlyMap<string, string> = new Map([
  ['HTTP/1.1', '1.1'],
  ['HTTP/1.0', '1.0'],
  ['HTTP/0.9', '0.9'],
  ['HTTP/2.0', '2.0'],
])
const TARGET_FORM = /^(?:\/|\*$|[a-z]+:\/\/)/i
const NOT_TARGET = /[^\x21-\x7e]/

/** `text` is Latin-1, to the line end of the last line; undefined where it is no request's. */
export function parseRequestHead(text: string): RequestHead | undefined {
  const lineEnd = text.indexOf('\r\n')
  const line = parseRequestLine(text.slice(0, lineEnd))
  if (line === undefined) return undefined
  const fields = parseFields(text, lineEnd + 2)
  return fields === undefined ? undefined : readMeaning(line, fields)
}

/** One space between its parts, and nothing else (RFC 9112, section 3). */
export function parseRequestLine(line: string): RequestLine | undefined {
  const first = line.indexOf(' ')
  const method = line.slice(0, first)
  if (first === -1 || !KNOWN_METHODS.has(method)) return undefined
  const second = line.indexOf(' ', first + 1)
  const target = line.slice(first + 1, second === -1 ? line.length : second)
  const version = second === -1 ? '0.9' : VERSIONS.get(line.slice(second + 1))
  if (version === undefined || NOT_TARGET.test(target)) return undefined
  const isTarget = method === 'CONNECT' ? target !== '' : TARGET_FORM.test(target)
  return isTarget ? { method, target, version } : undefined
}

/** Whether bytes without a line end may become a request: noise is not waited for. */
export function mayBegin(bytes: Buffer, at: number): boolean {
  const begin = bytes.toString('latin1', at, at + METHOD_BYTES_MAX + 1)
  const end = begin.indexOf(' ')
  if (end !== -1) return KNOWN_METHODS.has(begin.slice(0, end))
  return METHODS.some((method) => method.startsWith(begin))
}

function readMeaning(line: RequestLine, fields: HeaderFields): RequestHead | undefined {
  const framing = readFraming(fields)
  const isRefused = 'refused' in framing
  if (isRefused && framing.refused === 'malformed-request') return undefined
  const connection = listMembers(valuesOf(fields, 'connection'))
  const hasBody = !isRefused && framing.bytes !== 0
  return {
    method: line.method,
    target: line.target,
    version: line.version,
    fields,
    framing,
    isLast:
      isRefused ||
      line.version !== '1.1' ||
      line.method === 'CONNECT' ||
      connection.includes('close'),
    isWaiting: hasBody && isToBeInvited(fields),
    // With a body, what follows is that body, whatever comes of the rest.
    asksForUpgrade: !hasBody && connection.includes('upgrade') && asksForWebSocket(fields),
  }
}

function isToBeInvited(fields: HeaderFields): boolean {
  return valuesOf(fields, 'expect').some((value) => value.toLowerCase() === '100-continue')
}
