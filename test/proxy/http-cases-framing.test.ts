// Where a request ends: every spelling that two readers could take differently is refused.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startGateway, type TestGateway } from './gateway.ts'
import { brokenBodies, refusedRows, withKey } from './http-case.ts'
import { readAnswer, sendRaw } from './raw-client.ts'
import { startUpstream, type UpstreamProcess } from './upstream.ts'

let upstream: UpstreamProcess
let gateway: TestGateway

before(async () => {
  upstream = await startUpstream()
  gateway = await startGateway({
    upstream: upstream.url,
    limits: { headMs: 1000, bodyIdleMs: 1000, bodyBytesMax: 2_000_000 },
  })
})
after(async () => {
  await gateway.close()
  await upstream.close()
})

const stage = { gateway: () => gateway, upstream: () => upstream }
const post = (fields: string, body = ''): string => {
  return `POST /echo HTTP/1.1\r\nHost: x\r\nKEY${fields}\r\n\r\n${body}`
}
const spelled = JSON.stringify

refusedRows(
  stage,
  ['4, 4', '4,4', '4,'].map((value) => {
    const sent = post(`Content-Length: ${value}`, 'abcd')
    return [`H03 length ${spelled(value)}`, sent, '400 malformed-request']
  }),
)
refusedRows(
  stage,
  ['-4', '0x4', '4e0', '4.0', '4_0', '4 4', '"4"', '4;a', '\xb4', '4\x0b', '4\x00'].map((value) => {
    const sent = post(`Content-Length: ${value}`, 'abcd')
    return [`H04 length ${spelled(value)}`, sent, '400 malformed-request']
  }),
)
refusedRows(stage, [
  [
    'H05 a length with thirty zeros',
    post(`Content-Length: ${'0'.repeat(30)}4`, 'abcd'),
    '400 malformed-framing',
  ],
  ['H07 a length of 2^64', post('Content-Length: 18446744073709551616'), '400 malformed-request'],
  [
    'H07 a length that no number holds exactly',
    post('Content-Length: 9007199254740993'),
    '400 malformed-framing',
  ],
])
refusedRows(
  stage,
  ['Content-Length :', 'Content-Length\t:', 'Content-Length\x0b:'].map((name) => {
    const sent = post(`${name} 4`, 'abcd')
    return [`H08 ${spelled(name)}`, sent, '400 malformed-request']
  }),
)
refusedRows(
  stage,
  ['Content\\Length', 'Content-Length\xa0', '\x85Content-Length', 'Content-\xadLength'].map(
    (name) => {
      return [`H09 ${spelled(name)}`, post(`${name}: 4`, 'abcd'), '400 malformed-request']
    },
  ),
)
refusedRows(
  stage,
  ['"chunked"', "'chunked'", 'chunk', '=?utf-8?B?Y2h1bmtlZA==?=', ',chunked'].map((value) => {
    const sent = post(`Transfer-Encoding: ${value}`, '0\r\n\r\n')
    return [`H10 coding ${spelled(value)}`, sent, '501 coding-refused']
  }),
)
refusedRows(stage, [
  [
    'H10 chunked and an empty member',
    post('Transfer-Encoding: chunked,', '0\r\n\r\n'),
    '400 malformed-request',
  ],
  [
    'H11 chunked, identity',
    post('Transfer-Encoding: chunked, identity', '0\r\n\r\n'),
    '400 malformed-request',
  ],
  [
    'H14 chunked, chunked',
    post('Transfer-Encoding: chunked, chunked', '0\r\n\r\n'),
    '400 malformed-request',
  ],
])
refusedRows(stage, [
  ...['chunked\xa0', '\xffchunked', '\xa0chunked'].map((value): [string, string, string] => [
    `H15 coding ${spelled(value)}`,
    post(`Transfer-Encoding: ${value}`, '0\r\n\r\n'),
    '501 coding-refused',
  ]),
  ...['chunked\x0b', '\x0cchunked', 'chunked\x00', '\r\n chunked'].map(
    (value): [string, string, string] => [
      `H15 coding ${spelled(value)}`,
      post(`Transfer-Encoding: ${value}`, '0\r\n\r\n'),
      '400 malformed-request',
    ],
  ),
])

brokenBodies(stage, [
  ...['0x4', '-4', '4_0', ' 4', '4 ', '', '11111111111111111'].map((size): [string, string] => [
    `H19 chunk size ${spelled(size)}`,
    `${size}\r\nabcd\r\n0\r\n\r\n`,
  ]),
  ['H20 a bare CR in a chunk extension', '4;a\rb\r\nabcd\r\n0\r\n\r\n'],
  ['H20 a bare LF in a chunk extension', '4;a\nb\r\nabcd\r\n0\r\n\r\n'],
  ['H21 a chunk extension of 20 KiB', `4;${'a'.repeat(20_480)}\r\nabcd\r\n0\r\n\r\n`],
  ['H23 chunk data with a bare LF behind', '4\r\nabcd\n0\r\n\r\n'],
  ['H23 chunk data with nothing behind', '4\r\nabcd0\r\n\r\n'],
  ['H24 a last chunk that ends in LF', '0\n\r\n'],
  ['H28 trailers of 20 KiB', `0\r\nX-A: ${'a'.repeat(20_480)}\r\n\r\n`],
  ['H27 a trailer that frames: a length', '1\r\na\r\n0\r\nContent-Length: 7\r\n\r\n'],
  ['H27 a trailer that frames: a coding', '1\r\na\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n'],
])

test('H26 a body in 256 Ki chunks of one byte arrives, and memory stays', async () => {
  const chunks = '1\r\na\r\n'.repeat(262_144)
  const before = process.memoryUsage().rss
  const sent = post('Transfer-Encoding: chunked\r\nConnection: close', `${chunks}0\r\n\r\n`)
  const answer = readAnswer(await sendRaw(gateway.port, withKey(sent, gateway)))
  assert.equal(JSON.parse(answer.body).bytes, 262_144)
  assert.ok(process.memoryUsage().rss - before < 150_000_000)
})

test('H27, H90 trailers that claim something are nobody’s header', async () => {
  const forged = 'Authorization: Bearer x\r\nX-Auth-User: root\r\nX-Forwarded-For: 1.1.1.1\r\n'
  const more = 'Host: evil\r\nConnection: close\r\nX_Auth_User: root\r\n'
  const sent = post(
    'Transfer-Encoding: chunked\r\nConnection: close',
    `1\r\na\r\n0\r\n${forged}${more}\r\n`,
  )
  const answer = readAnswer(await sendRaw(gateway.port, withKey(sent, gateway)))
  const echo = JSON.parse(answer.body) as { rawHeaders: string[]; rawTrailers: string[] }
  assert.deepEqual(echo.rawTrailers, [])
  assert.ok(!echo.rawHeaders.some((each) => /root|evil|1\.1\.1\.1/.test(each)))
})

test('H31 DELETE with a body is framed again', async () => {
  const sent = withKey(post('Content-Length: 3\r\nConnection: close', 'abc'), gateway)
  const answer = readAnswer(await sendRaw(gateway.port, sent.replace('POST', 'PUT')))
  assert.equal(JSON.parse(answer.body).bytes, 3)
})

test('H34 an expectation without a body does not hang', async () => {
  const fields = 'Host: x\r\nKEYExpect: 100-continue\r\nConnection: close'
  const head = `GET /echo HTTP/1.1\r\n${fields}\r\n\r\n`
  const text = await sendRaw(gateway.port, withKey(head, gateway))
  assert.match(text, /HTTP\/1\.1 200 /)
})

test('H30, H32 behind an answer that is the last nothing is served', async () => {
  const { count } = await upstream.received()
  const before = (await gateway.exchanges()).length
  const first = `GET /echo HTTP/1.1\r\nHost: a, b\r\nKEY\r\n`
  const next = `GET /echo HTTP/1.1\r\nHost: x\r\nKEY\r\n`
  const text = await sendRaw(gateway.port, withKey(first + next + next, gateway), {
    isAll: () => false,
  })
  assert.equal(text.match(/HTTP\/1\.1 /g)?.length, 1)
  assert.equal((await upstream.received()).count, count)
  const kinds = (await gateway.exchanges()).slice(before).map(({ kind }) => kind)
  assert.deepEqual(kinds, ['refusal'])
})
