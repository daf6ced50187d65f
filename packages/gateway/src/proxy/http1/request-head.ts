import { METHODS } from 'node:http'
import { parseFields } from '../../http1/index.ts'
import { readLatin1 } from '../../platform/index.ts'
import { type Framing, readFraming } from '../framing.ts'
import { type HeaderFields, listMembers, valuesOf } from '../header-fields.ts'
import type { Standing } from '../standing.ts'
import { asksForWebSocket } from '../websocket/handshake.ts'
import type { Lines } from './line-sums.ts'
import { isOf, type RememberedHead, type RememberedHeads } from './remembered-heads.ts'

/** A request's head as it came, and what it says of the connection. */
export interface RequestHead {
  readonly method: string
  readonly target: string
  readonly version: string
  readonly fields: HeaderFields
  /** Of fields that came before. */
  readonly standing?: Standing | undefined
  readonly framing: Framing
  /** Nothing that follows it is a request. */
  readonly isLast: boolean
  /** The client waits to be invited before it sends its body. */
  readonly isWaiting: boolean
  /** It asks to become a WebSocket: what follows is no body and no request until it is answered. */
  readonly asksForUpgrade: boolean
}

type RequestLine = Pick<RequestHead, 'method' | 'target' | 'version'>

const CR = 0x0d
const LF = 0x0a
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
/** Of nearly all requests: whatever else they may begin with is looked up. */
const COMMON_METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS']
const COMMON_VERSION = 'HTTP/1.1'
const ORIGIN_FORM = /^\/[\x21-\x7e]*$/
const TARGET_FORM = /^(?:\/|\*$|[a-z]+:\/\/)/i
const NOT_TARGET = /[^\x21-\x7e]/

/** Longer ones are not remembered: connections are many, and most are idle. */
const REMEMBERED_LENGTH_MAX = 4096

/** Reads the heads of one connection, whose fields are the same again and again. */
export class HeadParser {
  readonly #remembered: RememberedHeads
  /** Of the last head that stood for its lines. */
  #last: RememberedHead | undefined
  /** Of lines that came once: a connection knows those of its own, however many others see. */
  #lastSum = 0

  constructor(remembered: RememberedHeads) {
    this.#remembered = remembered
  }

  /**
   * The head from `at` to `to`, which is behind the line end of its last line; undefined where it
   * is no request's.
   */
  parse(bytes: Buffer, at: number, to: number): RequestHead | undefined {
    const lineEnd = bytes.indexOf(CR, at)
    // No part of a line has a carriage return in it.
    if (bytes[lineEnd + 1] !== LF) return undefined
    const line = parseRequestLine(readLatin1(bytes, at, lineEnd))
    if (line === undefined) return undefined
    const lines = { bytes, from: lineEnd + 2, to }
    if (to - lines.from > REMEMBERED_LENGTH_MAX) return this.#parseAlone(line, lines)
    const sum = this.#remembered.sumOf(lines)
    const last = this.#last
    if (last !== undefined && isOf(last, sum, lines)) return readMeaning(line, last.fields, last)
    const known = this.#remembered.get(sum, lines) ?? this.#keep(sum, lines)
    if (known === undefined) return this.#parseAlone(line, lines)
    this.#last = known
    return readMeaning(line, known.fields, known)
  }

  /** Undefined where the lines come for the first time. */
  #keep(sum: number, lines: Lines): RememberedHead | undefined {
    const isAgain = this.#remembered.see(sum) || sum === this.#lastSum
    this.#lastSum = sum
    const fields = isAgain ? fieldsOf(lines) : undefined
    return fields && this.#remembered.keep(sum, lines, fields)
  }

  #parseAlone(line: RequestLine, lines: Lines): RequestHead | undefined {
    this.#last = undefined
    const fields = fieldsOf(lines)
    return fields && readMeaning(line, fields, undefined)
  }
}

function fieldsOf({ bytes, from, to }: Lines): HeaderFields | undefined {
  return parseFields(readLatin1(bytes, from, to), 0)
}

/** One space between its parts, and nothing else (RFC 9112, section 3). */
export function parseRequestLine(line: string): RequestLine | undefined {
  const first = line.indexOf(' ')
  const method = first === -1 ? undefined : methodOf(line, first)
  if (method === undefined) return undefined
  const second = line.indexOf(' ', first + 1)
  const target = line.slice(first + 1, second === -1 ? line.length : second)
  const version = second === -1 ? '0.9' : versionOf(line, second + 1)
  if (version === undefined || !isTarget(method, target)) return undefined
  return { method, target, version }
}

/** A lookup by a text that was just made costs far more than a comparison: V8 has to intern it. */
function methodOf(line: string, end: number): string | undefined {
  for (const method of COMMON_METHODS) {
    if (method.length === end && line.startsWith(method)) return method
  }
  const method = line.slice(0, end)
  return KNOWN_METHODS.has(method) ? method : undefined
}

function versionOf(line: string, from: number): string | undefined {
  const isCommon = line.length - from === COMMON_VERSION.length && line.endsWith(COMMON_VERSION)
  return isCommon ? '1.1' : VERSIONS.get(line.slice(from))
}

function isTarget(method: string, target: string): boolean {
  if (method !== 'CONNECT' && ORIGIN_FORM.test(target)) return true
  if (NOT_TARGET.test(target)) return false
  return method === 'CONNECT' ? target !== '' : TARGET_FORM.test(target)
}

/** Whether bytes without a line end may become a request: noise is not waited for. */
export function mayBegin(bytes: Buffer, at: number): boolean {
  const begin = bytes.toString('latin1', at, at + METHOD_BYTES_MAX + 1)
  const end = begin.indexOf(' ')
  if (end !== -1) return KNOWN_METHODS.has(begin.slice(0, end))
  return METHODS.some((method) => method.startsWith(begin))
}

/** What the fields say of the message and of the connection, without the request line. */
export interface Meaning {
  readonly framing: Framing
  readonly isClosing: boolean
  readonly isUpgrading: boolean
  readonly isInvited: boolean
}

function readMeaning(
  line: RequestLine,
  fields: HeaderFields,
  standing: Standing | undefined,
): RequestHead | undefined {
  const meaning = standing?.meaning ?? meaningOf(fields)
  if (standing !== undefined) standing.meaning = meaning
  const { framing, isClosing, isInvited, isUpgrading } = meaning
  const isRefused = 'refused' in framing
  if (isRefused && framing.refused === 'malformed-request') return undefined
  const hasBody = !isRefused && framing.bytes !== 0
  return {
    method: line.method,
    target: line.target,
    version: line.version,
    fields,
    standing,
    framing,
    isLast: isRefused || line.version !== '1.1' || line.method === 'CONNECT' || isClosing,
    isWaiting: hasBody && isInvited,
    // With a body, what follows is that body, whatever comes of the rest.
    asksForUpgrade: !hasBody && isUpgrading,
  }
}

function meaningOf(fields: HeaderFields): Meaning {
  const connection = listMembers(valuesOf(fields, 'connection'))
  const framing = readFraming(fields)
  const isClosing = connection.includes('close')
  const isUpgrading = connection.includes('upgrade') && asksForWebSocket(fields)
  const isInvited = isToBeInvited(fields)
  const isPlain = !isClosing && !isUpgrading && !isInvited
  if (isPlain && 'bytes' in framing && framing.bytes === 0) return PLAIN
  return { framing, isClosing, isUpgrading, isInvited }
}

/** Of most requests: one object for all of them. */
const PLAIN: Meaning = {
  framing: { bytes: 0 },
  isClosing: false,
  isUpgrading: false,
  isInvited: false,
}

function isToBeInvited(fields: HeaderFields): boolean {
  return valuesOf(fields, 'expect').some((value) => value.toLowerCase() === '100-continue')
}
