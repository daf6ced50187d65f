// Each piece by itself, in a request that is valid but for it, before each upstream.
import { type Credentials, type Plan, PREFIXES } from './grammar.ts'
import {
  BAD_METHODS,
  CODING_NAMES,
  CODINGS,
  DATA_ENDS,
  GAPS,
  HOSTS,
  LAST_CHUNKS,
  LENGTH_NAMES,
  LENGTHS,
  LINES,
  PATHS,
  SIZES,
  TARGETS,
  TRAILERS,
  VERSIONS,
} from './pieces.ts'

interface Parts {
  readonly line?: string
  readonly host?: string
  readonly fields?: readonly string[]
  readonly body?: string
}

type Make = (piece: string, path: string) => Parts

const chunks = (text: string): Parts => ({ fields: ['Transfer-Encoding: chunked'], body: text })
const END = '0\r\n\r\n'

const KINDS: readonly (readonly [pieces: readonly string[], make: Make])[] = [
  [BAD_METHODS, (piece, path) => ({ line: `${piece} ${path} HTTP/1.1` })],
  [VERSIONS, (piece, path) => ({ line: `GET ${path} ${piece}` })],
  [GAPS, (piece, path) => ({ line: `GET${piece}${path} HTTP/1.1` })],
  [GAPS, (piece, path) => ({ line: `GET ${path}${piece}HTTP/1.1` })],
  [PATHS, (piece, path) => ({ line: `GET ${path}${piece} HTTP/1.1` })],
  [TARGETS, (piece) => ({ line: `GET ${piece} HTTP/1.1` })],
  [HOSTS, (piece) => ({ host: piece })],
  [LENGTHS, (piece) => ({ fields: [`Content-Length: ${piece}`], body: 'abcd' })],
  [
    LENGTHS,
    (piece) => ({ fields: [`Content-Length: ${piece}`, 'Content-Length: 4'], body: 'abcd' }),
  ],
  [LENGTH_NAMES, (piece) => ({ fields: [`${piece}: 4`], body: 'abcd' })],
  [CODINGS, (piece) => ({ fields: [`Transfer-Encoding: ${piece}`], body: `4\r\nabcd\r\n${END}` })],
  [
    CODINGS,
    (piece) => ({ fields: [`Transfer-Encoding: ${piece}`, 'Content-Length: 4'], body: END }),
  ],
  [CODING_NAMES, (piece) => ({ fields: [`${piece}: chunked`], body: END })],
  [CODING_NAMES, (piece) => ({ fields: [`${piece}: chunked`, 'Content-Length: 5'], body: END })],
  [SIZES, (piece) => chunks(`${piece}\r\nabcd\r\n${END}`)],
  [DATA_ENDS, (piece) => chunks(`4\r\nabcd${piece}${END}`)],
  [LAST_CHUNKS, (piece) => chunks(`4\r\nabcd\r\n${piece}\r\n`)],
  [TRAILERS, (piece) => chunks(`4\r\nabcd\r\n0\r\n${piece}\r\n\r\n`)],
  [LINES, (piece) => ({ fields: [piece] })],
  [LINES, (piece) => ({ fields: [piece, 'Content-Length: 4'], body: 'abcd' })],
]

const ALL = KINDS.flatMap(([pieces, make]) => pieces.map((piece) => ({ piece, make })))

/** How many there are, before all upstreams. */
export const EVERY_PIECE = ALL.length * PREFIXES.length

export function planOfPiece(nth: number, { ada, ben }: Credentials): Plan | undefined {
  const of = ALL[Math.floor(nth / PREFIXES.length)]
  if (of === undefined) return undefined
  const prefix = PREFIXES[nth % PREFIXES.length] ?? 'n'
  const { line, host = 'Host: x', fields = [], body = '' } = of.make(of.piece, `/${prefix}/a`)
  const hasBody = fields.some((each) => /content.?length|transfer.?encoding/i.test(each))
  const key = `Authorization: Bearer ${ada}`
  const first = line ?? `${hasBody ? 'POST' : 'GET'} /${prefix}/a HTTP/1.1`
  const marker = `GET /${prefix}/marker/${nth} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${ben}`
  const bytes = `${[first, host, key, ...fields].join('\r\n')}\r\n\r\n${body}${marker}\r\n\r\n`
  return { nth, bytes, cuts: [], leaves: 'after the answers', cases: [0] }
}
