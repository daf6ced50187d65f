// What the reader makes of bytes: the same however they are cut, and never an exception or a wait
// without end. What is taken is what Node's parser takes, which is more lenient and not ours.
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { Duplex } from 'node:stream'
import { test } from 'node:test'
import { SeededRandom, systemClock } from '../../platform/index.ts'
import type { HeaderFields } from '../header-fields.ts'
import { RememberedHeads } from './remembered-heads.ts'
import type { RequestHead } from './request-head.ts'
import { RequestReader } from './request-reader.ts'

interface Read {
  readonly method: string
  readonly target: string
  readonly fields: HeaderFields
  body: string
  trailers: HeaderFields | undefined
  /** Whether it can be served as far as its head goes: where it ends is certain. */
  readonly isServable?: boolean
}

interface Reading {
  readonly requests: Read[]
  refused: string | undefined
}

const HEAD_BYTES_MAX = 1000

/** As a connection does: what says that it is the last is the last. */
function read(pieces: readonly Buffer[]): Reading {
  const reading: Reading = { requests: [], refused: undefined }
  let last: RequestHead | undefined
  const reader = new RequestReader(
    {
      head: (head) => {
        last = head
        const { method, target, fields, version, framing } = head
        const isServable = version === '1.1' && method !== 'CONNECT' && !('refused' in framing)
        reading.requests.push({ method, target, fields, body: '', trailers: undefined, isServable })
      },
      data: (chunk) => {
        const request = reading.requests.at(-1)
        assert.ok(request !== undefined && chunk.length > 0)
        request.body += Buffer.from(chunk).toString('latin1')
      },
      end: (trailers) => {
        const request = reading.requests.at(-1)
        assert.ok(request !== undefined && request.trailers === undefined)
        request.trailers = trailers
        if (last?.isLast === true) reader.stop()
      },
      unreadable: (reason) => {
        assert.equal(reading.refused, undefined, 'refused once')
        reading.refused = reason
      },
    },
    () => HEAD_BYTES_MAX,
    new RememberedHeads({ clock: systemClock(), random: new SeededRandom(1) }),
  )
  for (const piece of pieces) {
    const bytes = Buffer.from(piece)
    if (!reader.isOver) reader.push(bytes)
    // As the next read would: nothing may have been kept of it.
    bytes.fill('x')
  }
  if (reader.isInHead) reading.refused = 'unfinished'
  return reading
}

/** `GET /a abc`, one after the other, and what became of the rest. */
function wordsOf({ requests, refused }: Reading): string {
  const words = requests.map(({ method, target, body, trailers }) => {
    const tail = trailers?.map(([name, value]) => ` ${name}=${value}`).join('') ?? ' …'
    return `${method} ${target}${body === '' ? '' : ` ${body}`}${tail}`
  })
  return [...words, ...(refused === undefined ? [] : [refused])].join(', ')
}

const BAD = 'malformed-request'
const FRAMING = 'malformed-framing'
const GET = 'GET /a HTTP/1.1\r\n'
const HOST = 'Host: x\r\n'
const CHUNKED = `POST /a HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n`

const ROWS: readonly (readonly [string, string, string])[] = [
  ['nothing', '', ''],
  ['a request', `${GET}${HOST}\r\n`, 'GET /a'],
  ['two requests', `${GET}${HOST}\r\n${GET}\r\n`, 'GET /a, GET /a'],
  ['an empty line before one', `\r\n${GET}\r\n\r\n${GET}\r\n`, 'GET /a, GET /a'],
  ['two empty lines before one', `\r\n\r\n${GET}\r\n`, BAD],
  ['a length', `POST /a HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc${GET}\r\n`, 'POST /a abc, GET /a'],
  ['a length of nothing', `POST /a HTTP/1.1\r\nContent-Length: 0\r\n\r\n`, 'POST /a'],
  [
    'a length that is not reached',
    `POST /a HTTP/1.1\r\nContent-Length: 3\r\n\r\nab`,
    'POST /a ab …',
  ],
  ['chunks', `${CHUNKED}3\r\nabc\r\n2;x="1"\r\nde\r\n0\r\n\r\n${GET}\r\n`, 'POST /a abcde, GET /a'],
  ['chunks and trailers', `${CHUNKED}1\r\na\r\n000\r\nX: y\r\n\r\n`, 'POST /a a X=y'],
  ['the last one', `${GET}Connection: a, Close\r\n\r\n${GET}\r\n`, 'GET /a'],
  ['HTTP/1.0 is the last one', `GET /a HTTP/1.0\r\n\r\n${GET}\r\n`, 'GET /a'],
  ['no version', 'GET /a\r\n\r\n', 'GET /a'],
  ['H53 two spaces', 'GET  /a HTTP/1.1\r\n\r\n', BAD],
  ['H53 two spaces before the version', 'GET /a  HTTP/1.1\r\n\r\n', BAD],
  ['H53 a space behind it', 'GET /a HTTP/1.1 \r\n\r\n', BAD],
  ['H54 a tab', 'GET\t/a HTTP/1.1\r\n\r\n', BAD],
  ['a space before it', ' GET /a HTTP/1.1\r\n\r\n', BAD],
  ['a version nobody has', 'GET /a HTTP/1.10\r\n\r\n', BAD],
  ['a method nobody has', 'NOISE /a HTTP/1.1\r\n\r\n', BAD],
  ['noise, not waited for', 'NOI', BAD],
  ['TLS where none is spoken', '\x16\x03\x01\x02', BAD],
  ['a line that is wrong, not waited for', `${GET}X A: 1\r\nX`, BAD],
  ['half a method', 'PO', 'unfinished'],
  ['half a head', `${GET}Host: x\r\nX-A`, 'unfinished'],
  ['H44 a bare CR', `${GET}X: a\rb\r\n\r\n`, BAD],
  ['H43 a bare LF', `GET /a HTTP/1.1\nHost: x\n\n`, BAD],
  ['H47 a folded line', `${GET}X: a\r\n b\r\n\r\n`, BAD],
  ['H45 NUL', `${GET}X: a\0b\r\n\r\n`, BAD],
  ['H85 a target that is not ASCII', 'GET /\xe9 HTTP/1.1\r\n\r\n', BAD],
  ['H65 a target of no form', 'GET evil:80 HTTP/1.1\r\n\r\n', BAD],
  ['H01 length and chunked', `${GET}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n`, BAD],
  ['H02 two lengths', `${GET}Content-Length: 1\r\nContent-Length: 1\r\n\r\na`, BAD],
  ['H14 chunked twice', `${GET}Transfer-Encoding: chunked, chunked\r\n\r\n`, BAD],
  ['H10 another coding is the last', `${GET}Transfer-Encoding: gzip\r\n\r\n${GET}\r\n`, 'GET /a'],
  ['H19 a size that is none', `${CHUNKED}0x3\r\nabc\r\n`, `POST /a …, ${FRAMING}`],
  ['H21 a chunk line without end', `${CHUNKED}1;${'a'.repeat(2000)}`, `POST /a …, ${FRAMING}`],
  ['H23 a chunk longer than it says', `${CHUNKED}1\r\nabc\r\n`, `POST /a a …, ${FRAMING}`],
  [
    'H27 a trailer that frames',
    `${CHUNKED}0\r\nContent-Length: 1\r\n\r\n`,
    `POST /a …, ${FRAMING}`,
  ],
  ['H59 a head too large', `${GET}X: ${'a'.repeat(2000)}`, 'head-too-large'],
]

for (const [name, text, want] of ROWS) {
  test(`${name}: in one piece and in any two, and byte by byte`, () => {
    const bytes = Buffer.from(text, 'latin1')
    assert.equal(wordsOf(read([bytes])), want)
    for (let at = 1; at < bytes.length; at += 1) {
      const two = [bytes.subarray(0, at), bytes.subarray(at)]
      assert.equal(wordsOf(read(two)), want, `cut at ${at}`)
    }
    assert.equal(wordsOf(read(crumbs(bytes))), want)
  })
}

const CASES = 3000
const NOISE_BYTES = 200

test('noise: read alike however it is cut, and never an exception', () => {
  const random = new SeededRandom(20_261_121)
  for (let nth = 0; nth < CASES; nth += 1) {
    const noise = Buffer.from(random.bytes(NOISE_BYTES))
    const bytes = nth % 2 === 0 ? noise : Buffer.concat([Buffer.from(CHUNKED), noise])
    assert.deepEqual(read(crumbs(bytes)), read([bytes]))
  }
})

test(`of ${CASES} broken requests, what is taken is what Node's parser takes`, async () => {
  const random = new SeededRandom(20_261_122)
  let taken = 0
  for (let nth = 0; nth < CASES; nth += 1) {
    const text = mutate(random)
    const bytes = Buffer.from(text, 'latin1')
    const shown = JSON.stringify(text)
    const seen = read([bytes])
    assert.deepEqual(read(crumbs(bytes)), seen, shown)
    const [first] = seen.requests
    if (first?.trailers === undefined || first.isServable !== true) continue
    taken += 1
    const { isServable: _, ...want } = first
    assert.deepEqual(await oracle(firstOf(bytes)), want, shown)
  }
  assert.ok(taken > CASES / 10, `only ${taken} were taken`)
})

/** Of what is too large and wrong as well, either may be seen first. */
const MESSAGES = ROWS.map(([, text]) => text).filter(({ length }) => length > 0 && length < 500)
const TOKENS = [
  ['\r\n', '\n', '\r', ' ', '\t', ':', ',', ';', '\0', '\x7f', '\xff', '0', '1', 'a', 'g', '"'],
  ['chunked', 'Content-Length: 1\r\n', 'Transfer-Encoding: chunked\r\n', 'HTTP/1.1', '=', '-'],
  ['Connection: close\r\n', '\r\n\r\n', '1\r\na\r\n', '0\r\n\r\n', '+', 'GET /b HTTP/1.1\r\n'],
].flat()

function mutate(random: SeededRandom): string {
  let text = pick(random, MESSAGES)
  for (let left = below(random, 3); left > 0; left -= 1) {
    const at = below(random, text.length)
    const cut = below(random, 3) === 0 ? below(random, 6) : 0
    text = text.slice(0, at) + pick(random, TOKENS) + text.slice(at + cut)
  }
  return text
}

function pick(random: SeededRandom, from: readonly string[]): string {
  return from[below(random, from.length)] ?? ''
}

function below(random: SeededRandom, count: number): number {
  return Buffer.from(random.bytes(4)).readUInt32BE() % Math.max(1, count)
}

function crumbs(bytes: Buffer): Buffer[] {
  return Array.from(bytes, (_, at) => bytes.subarray(at, at + 1))
}

/** The bytes of the first request: the fewest that make it whole. */
function firstOf(bytes: Buffer): Buffer {
  let at = 0
  while (read([bytes.subarray(0, at)]).requests[0]?.trailers === undefined) at += 1
  return bytes.subarray(0, at)
}

/** The first request that Node's server reads, whole. */
function oracle(bytes: Buffer): Promise<Read | undefined> {
  return new Promise((resolve) => {
    const server = createServer({ requireHostHeader: false }, (request, response) => {
      let body = ''
      request.setEncoding('latin1')
      request.on('data', (chunk: string) => (body += chunk))
      request.on('error', () => resolve(undefined))
      request.on('end', () => {
        const { method = '', url: target = '' } = request
        const [fields, trailers] = [pairs(request.rawHeaders), pairs(request.rawTrailers)]
        resolve({ method, target, fields, body, trailers })
        response.destroy()
      })
    })
    server.on('clientError', () => resolve(undefined))
    server.on('upgrade', () => resolve(undefined))
    const stream = new Duplex({ read: () => undefined, write: (_chunk, _coding, done) => done() })
    server.emit('connection', stream)
    stream.push(bytes)
    stream.push(null)
    stream.on('close', () => resolve(undefined))
  })
}

function pairs(flat: readonly string[]): [string, string][] {
  return flat.flatMap((name, at) => (at % 2 === 0 ? [[name, flat[at + 1] ?? '']] : []))
}
