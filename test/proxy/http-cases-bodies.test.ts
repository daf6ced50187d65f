// Bodies and ranges are passed on untouched, with a digest: nothing looks into them, so nothing of
// them can be misread. A route that inspects bodies would answer otherwise.
import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { after, before, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { startGateway, type TestGateway } from './gateway.ts'
import { withKey } from './http-case.ts'
import { readAnswer, sendRaw } from './raw-client.ts'
import { startUpstream, type UpstreamProcess } from './upstream.ts'

let upstream: UpstreamProcess
let gateway: TestGateway

before(async () => {
  upstream = await startUpstream()
  gateway = await startGateway({ upstream: upstream.url })
})
after(async () => {
  await gateway.close()
  await upstream.close()
})

const GET = 'GET /echo HTTP/1.1\r\nHost: x\r\nKEYConnection: close\r\n'
const part = (fields: string): string => `--x\r\n${fields}\r\n\r\ndata\r\n`
const bomb = gzipSync(Buffer.alloc(10_000_000)).toString('latin1')
const twice = gzipSync(gzipSync('x')).toString('latin1')

for (const [name, fields, body] of [
  ['H97 a gzip bomb', ['Content-Encoding: gzip'], bomb],
  ['H97 nested codings', ['Content-Encoding: gzip, gzip'], twice],
  ['H97 an unknown coding', ['Content-Encoding: x-nobody'], 'abc'],
  [
    'H98 a file name twice',
    ['Content-Type: multipart/form-data; boundary=x'],
    part('Content-Disposition: form-data; name=a; filename=a; filename=b'),
  ],
  ['H98 an odd boundary', ['Content-Type: multipart/form-data; boundary="a\\"b"'], part('A: b')],
  ['H98 UTF-7', ['Content-Type: text/html; charset=utf-7'], '+ADw-script+AD4-'],
  ['H99 the same key twice', ['Content-Type: application/json'], '{"a":1,"a":2}'],
  ['H99 a depth of 10^5', ['Content-Type: application/json'], '['.repeat(100_000)],
  ['H99 1e400', ['Content-Type: application/json'], '1e400'],
  ['H99 what is not UTF-8', ['Content-Type: application/json'], '"\xff\xfe"'],
  ['H99 a byte order mark', ['Content-Type: application/json'], '\xef\xbb\xbf{}'],
  ['H100 no type', [], '{"a":1}'],
  ['H100 two types', ['Content-Type: text/plain', 'Content-Type: application/json'], '{}'],
  ['H100 JSON that is called a form', ['Content-Type: application/x-www-form-urlencoded'], '{}'],
] as const) {
  test(`${name}: 200, untouched, and its digest is on record`, async () => {
    const head = ['POST /echo HTTP/1.1', 'Host: x', 'KEYConnection: close', ...fields]
    const sent = [...head, `Content-Length: ${body.length}`, '', body].join('\r\n')
    const answer = readAnswer(await sendRaw(gateway.port, withKey(sent, gateway)))
    const { sha256, rawHeaders } = JSON.parse(answer.body) as {
      sha256: string
      rawHeaders: string[]
    }
    const outcome = (await gateway.exchanges()).findLast(({ kind }) => kind === 'outcome')
    const want = hash('sha256', Buffer.from(body, 'latin1'))
    assert.deepEqual([answer.status, sha256, outcome?.how.request?.sha256], [200, want, want])
    for (const field of fields) assert.ok(rawHeaders.includes(field.split(': ')[1] ?? ''))
  })
}

test('H96 a range of as many parts as fit into the head is the upstream’s to limit', async () => {
  const parts = Array.from({ length: 1000 }, (_, nth) => `${nth}-${nth + 5}`).join(',')
  const sent = `${GET}Range: bytes=${parts}\r\n\r\n`
  const answer = readAnswer(await sendRaw(gateway.port, withKey(sent, gateway)))
  assert.equal(answer.status, 200)
  assert.ok(answer.body.includes(parts))
})

test('H96 a range that is larger than a head may be: 431', async () => {
  const parts = Array.from({ length: 4000 }, (_, nth) => `${nth}-${nth + 5}`).join(',')
  const sent = `${GET}Range: bytes=${parts}\r\n\r\n`
  assert.equal(readAnswer(await sendRaw(gateway.port, withKey(sent, gateway))).status, 431)
})
