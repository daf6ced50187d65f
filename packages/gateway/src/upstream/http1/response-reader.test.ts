// What is read of a response, in one piece and in pieces of any size; and that Node's own parser
// reads the same of everything that this one takes.
import assert from 'node:assert/strict'
import { request as ask } from 'node:http'
import { Duplex } from 'node:stream'
import { test } from 'node:test'
import { SeededRandom } from '../../platform/index.ts'
import type { UpstreamFields } from '../types.ts'
import { HeadParser } from './response-head.ts'
import { ResponseReader } from './response-reader.ts'

/** What was understood; `malformed` and nothing else where it was refused. */
interface Reading {
  status?: number
  fields?: UpstreamFields
  body: string
  trailers?: UpstreamFields
  hasMore?: boolean
  interims: number[]
  malformed?: string
  switched?: string
  /** It was said that nothing more is waited for. */
  isWhole?: boolean
}

interface Asked {
  readonly method?: string
  readonly takesUpgrade?: boolean
  /** What was read of the same upstream before. */
  readonly heads?: HeadParser
}

function read(
  pieces: readonly Buffer[],
  { method = 'GET', takesUpgrade = false, heads = new HeadParser() }: Asked,
): Reading {
  const seen: Reading = { body: '', interims: [] }
  const reader = new ResponseReader(
    {
      interim: (status) => seen.interims.push(status),
      head: ({ status, fields }, isWhole) => Object.assign(seen, { status, fields, isWhole }),
      data: (chunk) => {
        seen.body += Buffer.from(chunk).toString('latin1')
      },
      end: (trailers, hasMore) => Object.assign(seen, { trailers, hasMore }),
      upgraded: (_head, rest) => {
        seen.switched = Buffer.from(rest).toString('latin1')
      },
      malformed: (why) => {
        seen.malformed = why
      },
    },
    { headBytesMax: 1000, interimsMax: 2, heads },
  )
  reader.expect(method, takesUpgrade)
  for (const piece of pieces) {
    const isOver = seen.trailers !== undefined || seen.malformed !== undefined
    if (seen.switched !== undefined) seen.switched += piece.toString('latin1')
    else if (!isOver) reader.push(Buffer.from(piece))
    else if (seen.malformed === undefined) seen.hasMore = true
    if (seen.isWhole === true) assert.ok(seen.trailers !== undefined, 'what was said to follow')
  }
  if (seen.trailers === undefined) reader.finish()
  return seen
}

/** In one word: `200 abc`, `refused`, `unfinished`. */
function wordOf({ status, body, trailers, hasMore, malformed, switched }: Reading): string {
  if (malformed !== undefined) return 'refused'
  if (switched !== undefined) return `switched ${switched}`
  if (trailers === undefined) return 'unfinished'
  const tail = trailers.map(([name, value]) => ` ${name}=${value}`).join('')
  return `${status} ${body}${tail}${hasMore === true ? ' and more' : ''}`
}

const OK = 'HTTP/1.1 200 OK\r\n'
const CHUNKED = `${OK}Transfer-Encoding: chunked\r\n\r\n`
const EARLY = 'HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n'

const ROWS: readonly (readonly [string, string, string, Asked?])[] = [
  ['a length', `${OK}Content-Length: 3\r\n\r\nabc`, '200 abc'],
  ['no bytes by length', `${OK}Content-Length: 0\r\n\r\n`, '200 '],
  ['until the end', `${OK}\r\nabc`, '200 abc'],
  ['a reason that is empty', 'HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n', '200 '],
  ['no reason', 'HTTP/1.1 204\r\n\r\n', '204 '],
  ['HTTP/1.0', 'HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na', '200 a'],
  ['chunks', `${CHUNKED}3\r\nabc\r\n2;x=1\r\nde\r\n0\r\n\r\n`, '200 abcde'],
  ['chunks and trailers', `${CHUNKED}1\r\na\r\n0\r\nX: y\r\nZ:\r\n\r\n`, '200 a X=y Z='],
  ['a head for HEAD', `${OK}Content-Length: 9\r\n\r\n`, '200 ', { method: 'HEAD' }],
  ['H36 a body for HEAD', `${OK}Content-Length: 1\r\n\r\na`, '200  and more', { method: 'HEAD' }],
  ['H36 a body in 204', 'HTTP/1.1 204 No\r\nContent-Length: 1\r\n\r\na', '204  and more'],
  ['H36 a body in 304', 'HTTP/1.1 304 No\r\nContent-Length: 1\r\n\r\na', '304  and more'],
  ['H40 a second response', `${OK}Content-Length: 1\r\n\r\na${OK}\r\n`, '200 a and more'],
  ['interim responses', `${EARLY}${EARLY}${OK}Content-Length: 1\r\n\r\na`, '200 a'],
  ['H41 too many of them', `${EARLY}${EARLY}${EARLY}${OK}\r\n`, 'refused'],
  ['H41 a switch nobody asked for', 'HTTP/1.1 101 S\r\n\r\n', 'refused'],
  ['a switch', 'HTTP/1.1 101 S\r\nUpgrade: x\r\n\r\nrest', 'switched rest', { takesUpgrade: true }],
  [
    'H37 length and chunked',
    `${OK}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n`,
    'refused',
  ],
  ['two lengths', `${OK}Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc`, 'refused'],
  ['a list of lengths', `${OK}Content-Length: 3, 3\r\n\r\nabc`, 'refused'],
  ['a length with a sign', `${OK}Content-Length: +3\r\n\r\nabc`, 'refused'],
  ['a length in hexadecimal', `${OK}Content-Length: 0x3\r\n\r\nabc`, 'refused'],
  ['an empty length', `${OK}Content-Length:\r\n\r\nabc`, 'refused'],
  ['H38 chunked twice', `${OK}Transfer-Encoding: chunked, chunked\r\n\r\n`, 'refused'],
  ['H38 two codings', `${OK}Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n`, 'refused'],
  ['H38 gzip', `${OK}Transfer-Encoding: gzip\r\n\r\n`, 'refused'],
  ['chunked in HTTP/1.0', 'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n', 'refused'],
  ['H39 no colon', `${OK}nonsense\r\n\r\n`, 'refused'],
  ['H39 a space before the colon', `${OK}A : b\r\n\r\n`, 'refused'],
  ['H39 an empty name', `${OK}: b\r\n\r\n`, 'refused'],
  ['H39 NUL', `${OK}A: a\0b\r\n\r\n`, 'refused'],
  ['H39 a bare CR', `${OK}A: a\rb\r\n\r\n`, 'refused'],
  ['H39 a bare LF', `${OK}A: a\nB: b\r\n\r\n`, 'refused'],
  ['bare LF everywhere', 'HTTP/1.1 200 OK\nContent-Length: 0\n\n', 'refused'],
  ['a folded line', `${OK}A: a\r\n b\r\n\r\n`, 'refused'],
  ['H39 a head without end', `${OK}A: ${'a'.repeat(2000)}`, 'refused'],
  ['another version', 'HTTP/2.0 200 OK\r\n\r\n', 'refused'],
  ['no HTTP', 'SSH-2.0-x', 'refused'],
  ['a status of two digits', 'HTTP/1.1 20 OK\r\n\r\n', 'refused'],
  ['a chunk longer than it says', `${CHUNKED}1\r\nabc\r\n0\r\n\r\n`, 'refused'],
  ['a chunk size with a sign', `${CHUNKED}+1\r\na\r\n0\r\n\r\n`, 'refused'],
  ['a chunk size with space', `${CHUNKED}1 \r\na\r\n0\r\n\r\n`, 'refused'],
  ['a chunk size that is empty', `${CHUNKED}\r\na\r\n0\r\n\r\n`, 'refused'],
  ['a chunk line by LF', `${CHUNKED}1\na\r\n0\r\n\r\n`, 'refused'],
  ['a chunk line too long', `${CHUNKED}1;${'a'.repeat(2000)}\r\na\r\n0\r\n\r\n`, 'refused'],
  ['a length among the trailers', `${CHUNKED}0\r\nContent-Length: 1\r\n\r\n`, 'refused'],
  ['H42 chunks without an end', `${CHUNKED}3\r\nabc\r\n`, 'unfinished'],
  ['a length that is not reached', `${OK}Content-Length: 3\r\n\r\nab`, 'unfinished'],
  ['half a head', `${OK}Content-Le`, 'unfinished'],
]

for (const [name, text, want, asked = {}] of ROWS) {
  test(`${name}: ${want}, in one piece and in any two, and byte by byte`, () => {
    const bytes = Buffer.from(text, 'latin1')
    assert.equal(wordOf(read([bytes], asked)), want)
    for (let at = 1; at < bytes.length; at += 1) {
      const two = [bytes.subarray(0, at), bytes.subarray(at)]
      assert.equal(wordOf(read(two, asked)), want, `cut at ${at}`)
    }
    assert.equal(wordOf(read(crumbs(bytes), asked)), want)
  })
}

for (const [name, text, want, asked = {}] of ROWS) {
  test(`${name}, again and again: ${want}, in one piece and in any two, and byte by byte`, () => {
    const bytes = Buffer.from(text, 'latin1')
    const known = { ...asked, heads: new HeadParser() }
    for (let time = 0; time < 4; time += 1) assert.equal(wordOf(read([bytes], known)), want)
    for (let at = 1; at < bytes.length; at += 1) {
      const two = [bytes.subarray(0, at), bytes.subarray(at)]
      assert.equal(wordOf(read(two, known)), want, `cut at ${at}`)
    }
    assert.equal(wordOf(read(crumbs(bytes), known)), want)
  })
}

test('a head that came before is read anew where another follows, or where it has no body', () => {
  const heads = new HeadParser()
  const say = (length: number, body: string): Buffer => {
    return Buffer.from(`${OK}Content-Length: ${length}\r\n\r\n${body}`)
  }
  for (const [bytes, method, want] of [
    [say(3, 'abc'), 'GET', '200 abc'],
    [say(3, 'abc'), 'GET', '200 abc'],
    [say(3, 'def'), 'GET', '200 def'],
    [say(3, ''), 'HEAD', '200 '],
    [say(2, 'ab'), 'GET', '200 ab'],
    [say(3, 'abc'), 'GET', '200 abc'],
    [say(3, 'abc'), 'GET', '200 abc'],
    [say(3, 'a'), 'GET', 'unfinished'],
    [say(3, 'abcd'), 'GET', '200 abc and more'],
  ] as const) {
    assert.equal(wordOf(read([bytes], { method, heads })), want)
  }
})

test('bytes that come where no response is due are refused', () => {
  let refused = ''
  const nobody = (): void => assert.fail('nothing is due')
  const sink = { interim: nobody, head: nobody, data: nobody, end: nobody, upgraded: nobody }
  const reader = new ResponseReader(
    { ...sink, malformed: (why) => (refused = why) },
    { headBytesMax: 1000, interimsMax: 2 },
  )
  reader.push(Buffer.from(OK))
  assert.match(refused, /nobody asked/)
})

const MESSAGES = ROWS.filter(([, , , asked]) => asked === undefined).map(([, text]) => text)
const TOKENS = [
  '\r\n',
  '\n',
  '\r',
  ' ',
  '\t',
  ':',
  ',',
  ';',
  '\0',
  '\x7f',
  '\xff',
  '0',
  '1',
  'a',
  'g',
  'chunked',
  'Content-Length: 1\r\n',
  'Transfer-Encoding: chunked\r\n',
  'HTTP/1.1',
  '"',
  '=',
  'Connection: close\r\n',
  '\r\n\r\n',
  '1\r\na\r\n',
  '0\r\n\r\n',
  '-',
  '+',
  '204',
  '100',
]
const CASES = 3000

test(`of ${CASES} broken messages, what is taken is what Node's parser takes`, async () => {
  const random = new SeededRandom(20_261_121)
  let taken = 0
  for (let at = 0; at < CASES; at += 1) {
    const text = mutate(random)
    const bytes = Buffer.from(text, 'latin1')
    const seen = read([bytes], {})
    const shown = JSON.stringify(text)
    assert.equal(wordOf(read(crumbs(bytes), {})), wordOf(seen), shown)
    if (!isWhole(seen)) continue
    taken += 1
    const { status, fields, body, trailers } = seen
    assert.deepEqual(await oracle(bytes), { status, fields, body, trailers }, shown)
  }
  assert.ok(taken > CASES / 10, `only ${taken} were taken`)
})

/** With more behind it the connection is closed, and the answer is the end of what is read. */
function isWhole({ trailers, malformed, hasMore }: Reading): boolean {
  return trailers !== undefined && malformed === undefined && hasMore !== true
}

function crumbs(bytes: Buffer): Buffer[] {
  return Array.from(bytes, (_, at) => bytes.subarray(at, at + 1))
}

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
  return Buffer.from(random.bytes(4)).readUInt32BE() % count
}

/** Node's client on a stream that says `bytes` and ends; undefined where it takes them for none. */
function oracle(bytes: Buffer): Promise<Partial<Reading> | undefined> {
  return new Promise((resolve) => {
    const stream = new Duplex({
      read: () => undefined,
      write: (_chunk, _encoding, done) => {
        done()
        stream.push(bytes)
        stream.push(null)
      },
    })
    const request = ask({ createConnection: () => stream as never, host: 'x' })
    request.on('error', () => resolve(undefined))
    request.on('response', (response) => {
      const { statusCode: status, rawHeaders } = response
      let body = ''
      response.setEncoding('latin1')
      response.on('data', (chunk: string) => (body += chunk))
      response.on('error', () => resolve(undefined))
      response.on('end', () => {
        const trailers = pairs(response.rawTrailers)
        resolve({ status: status ?? 0, fields: pairs(rawHeaders), body, trailers })
      })
    })
    request.end()
  })
}

function pairs(flat: readonly string[]): [string, string][] {
  return flat.flatMap((name, at) => (at % 2 === 0 ? [[name, flat[at + 1] ?? '']] : []))
}
