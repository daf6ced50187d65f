// What a request line, a field, a host and a path may look like, and what becomes of the rest.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startGateway, type TestGateway } from './gateway.ts'
import { type Refused, refusedRows, withKey } from './http-case.ts'
import { readAnswer, sendRaw } from './raw-client.ts'
import { startUpstream, type UpstreamProcess } from './upstream.ts'

let upstream: UpstreamProcess
let gateway: TestGateway

before(async () => {
  upstream = await startUpstream()
  gateway = await startGateway({ upstream: upstream.url, limits: { headMs: 1000 } })
})
after(async () => {
  await gateway.close()
  await upstream.close()
})

const BAD = '400 malformed-request'
const HOST = '400 malformed-host'
const stage = { gateway: () => gateway, upstream: () => upstream }
const spelled = JSON.stringify
const lines = (...each: readonly string[]): string => `${each.join('\r\n')}\r\n\r\n`
const withField = (field: string): string => lines('GET /echo HTTP/1.1', 'Host: x', field)

function rows(
  name: string,
  inputs: readonly string[],
  request: (input: string) => string,
  want: string,
): readonly Refused[] {
  return inputs.map((input) => [`${name} ${spelled(input)}`, request(input), want])
}

refusedRows(stage, [
  ['H43 a field that ends in LF', lines('GET /echo HTTP/1.1', 'Host: x\nX-A: 1'), BAD],
  ['H44 a bare CR in a value', withField('X-A: 1\r2'), BAD],
  ...rows('H45 in a value', ['\x00', '\x01', '\x1b', '\x7f'], (c) => withField(`X-A: a${c}b`), BAD),
  ['H47 Host, folded', lines('GET /echo HTTP/1.1', 'Host:', ' x'), BAD],
  ['H48 a space before the first field', lines('GET /echo HTTP/1.1', ' Host: x'), BAD],
  ...rows('H49 the field', [': 1', 'X-A', '\xe9: 1', 'X(A): 1', 'X A: 1'], withField, BAD),
  ['H51 HTTP/2.0', lines('GET /echo HTTP/2.0', 'Host: x'), '505 version-refused'],
  ...rows(
    'H51',
    ['HTTP/1.9', 'HTTP/01.1', 'HTTP/1.10'],
    (v) => lines(`GET /echo ${v}`, 'Host: x'),
    BAD,
  ),
  ['H52 http in lower case', lines('GET /echo http/1.1', 'Host: x'), BAD],
  ['H53 a space at the end of the line', lines('GET /echo HTTP/1.1 ', 'Host: x'), BAD],
  ...rows(
    'H53 two spaces',
    ['GET  /echo HTTP/1.1', 'GET /echo  HTTP/1.1', ' GET /echo HTTP/1.1'],
    (line) => lines(line, 'Host: x'),
    BAD,
  ),
  ['two empty lines before the first', `\r\n\r\n${lines('GET /echo HTTP/1.1', 'Host: x')}`, BAD],
  ...rows(
    'H54 between method and target',
    ['\t', '\x0b', '\x0c', '\n'],
    (gap) => lines(`GET${gap}/echo HTTP/1.1`, 'Host: x'),
    BAD,
  ),
  ...rows('H55', ['get', 'GeT', 'NOISE'], (m) => lines(`${m} /echo HTTP/1.1`, 'Host: x'), BAD),
  ...rows(
    'H55 a method that is not served',
    ['PROPFIND', 'QUERY', 'M-SEARCH'],
    (m) => lines(`${m} /echo HTTP/1.1`, 'Host: x'),
    '405 method-not-allowed',
  ),
  ...rows('H56', ['TRACK', 'DEBUG'], (m) => lines(`${m} /echo HTTP/1.1`, 'Host: x'), BAD),
  ...rows(
    'H57 CONNECT to',
    ['evil:443', '127.0.0.1:22', '[::1]:443', '/echo', '*'],
    (target) => lines(`CONNECT ${target} HTTP/1.1`, 'Host: x'),
    '405 method-not-allowed',
  ),
  ...rows('H65', ['evil:80', '@evil/', 'admin'], (t) => lines(`GET ${t} HTTP/1.1`, 'Host: x'), BAD),
  ...rows(
    'H67',
    ['/a\\b', '/..\\..\\', '\\evil'],
    (t) => lines(`GET ${t.startsWith('/') ? t : `/${t}`} HTTP/1.1`, 'Host: x'),
    '400 ambiguous-path',
  ),
  ['H68 GET *', lines('GET * HTTP/1.1', 'Host: x'), '400 malformed-target'],
  ...rows(
    'H71',
    ['\xef\xbd\x85.com', 'e%61'],
    (h) => lines('GET /echo HTTP/1.1', `Host: ${h}`),
    HOST,
  ),
  ['H85 raw UTF-8 in the target', lines('GET /\xc3\xa9 HTTP/1.1', 'Host: x'), BAD],
  ...rows(
    'H88',
    ['Connection: Transfer-Encoding', 'Connection: close, Content-Type', 'Connection: Expect'],
    withField,
    '400 ambiguous-header',
  ),
  ...rows('H90', ['X_Auth_User: root', 'X-Auth_User: root'], withField, '400 ambiguous-header'),
  ['H90 a tab before the colon', withField('X-Auth-User\t: root'), BAD],
])

type Echo = { readonly method: string; readonly url: string; readonly rawHeaders: string[] }

/** What the upstream received of an accepted request of Ada's. */
async function passed(line: string, ...fields: readonly string[]): Promise<Echo> {
  const sent = lines(line, 'Host: x', 'KEYConnection: close', ...fields)
  const answer = readAnswer(await sendRaw(gateway.port, withKey(sent, gateway)))
  assert.equal(answer.status, 200, answer.body)
  return JSON.parse(Buffer.from(answer.body, 'latin1').toString('utf8')) as Echo
}

function valuesOf({ rawHeaders }: Echo, name: string): readonly string[] {
  return rawHeaders.filter((_, at) => at % 2 === 1 && rawHeaders[at - 1]?.toLowerCase() === name)
}

test('H46 bytes above 0x7f arrive as they came, and the record holds them escaped', async () => {
  const echo = await passed('GET /echo HTTP/1.1', 'X-Shown: \x80\xc3\xa9\xff')
  assert.deepEqual(valuesOf(echo, 'x-shown'), ['\x80\xc3\xa9\xff'])
  const intent = (await gateway.exchanges()).findLast(({ kind }) => kind === 'intent')
  assert.match(intent?.text ?? '', /"x-shown":\["\\?\S*Ã©ÿ"\]/i)
})

test('H58 the method is the one of the wire, and no field overrides it', async () => {
  const fields = [
    'X-HTTP-Method-Override: DELETE',
    'X-Method-Override: DELETE',
    'X-HTTP-Method: PUT',
  ]
  const echo = await passed('POST /echo HTTP/1.1', ...fields, 'Content-Length: 0')
  const intent = (await gateway.exchanges()).findLast(({ kind }) => kind === 'intent')
  assert.deepEqual([echo.method, intent?.what.method], ['POST', 'POST'])
  assert.ok(!echo.rawHeaders.some((each) => /override|x-http-method/i.test(each)))
})

test('H69 hosts and targets that fields claim are not passed on', async () => {
  const claims = ['X-Host', 'X-Original-URL', 'X-Rewrite-URL', 'X-Forwarded-Host', 'Forwarded']
  const echo = await passed('GET /echo HTTP/1.1', ...claims.map((name) => `${name}: evil`))
  assert.ok(!echo.rawHeaders.some((each) => each.includes('evil')))
})

test('H71 case and the final dot of a host are canonical for all', async () => {
  const sent = lines('GET /echo HTTP/1.1', 'Host: EXAMPLE.com.', 'KEYConnection: close')
  const echo = JSON.parse(
    readAnswer(await sendRaw(gateway.port, withKey(sent, gateway))).body,
  ) as Echo
  const intent = (await gateway.exchanges()).findLast(({ kind }) => kind === 'intent')
  assert.deepEqual(valuesOf(echo, 'x-forwarded-host'), ['example.com'])
  assert.equal(intent?.what.authority, 'example.com')
})

for (const path of ['/ADMIN', '/admin%20', '/admin.', "/!$&'()*+,=:@", '/%C3%A9', '/~a/-_.b']) {
  test(`H81 ${path} is literal for all`, async () => {
    assert.equal((await passed(`GET /echo${path} HTTP/1.1`)).url, `/echo${path}`)
    const intent = (await gateway.exchanges()).findLast(({ kind }) => kind === 'intent')
    assert.equal(intent?.what.path, `/echo${path}`)
  })
}

for (const query of ['role=user&role=admin', 'a=1;b=2', 'a[]=1&a[]=2', 'a=b+c', '__proto__=1']) {
  test(`H86, H94 the query ${query} goes on as it came, uninterpreted`, async () => {
    assert.equal((await passed(`GET /echo?${query} HTTP/1.1`)).url, `/echo?${query}`)
  })
}

test('H89, H95 fields of the hop stay with the hop', async () => {
  const hop = ['Keep-Alive: 5', 'Proxy-Connection: x', 'TE: gzip', 'Trailer: X-A']
  const echo = await passed('GET /echo HTTP/1.1', ...hop, 'Proxy-Authorization: Basic YTpi')
  const gone = ['keep-alive', 'proxy-connection', 'te', 'trailer', 'proxy-authorization']
  assert.deepEqual(
    gone.flatMap((name) => valuesOf(echo, name)),
    [],
  )
})

for (const te of ['gzip', 'trailers;q=0.5', 'trailers, gzip', 'gzip;q=1, trailers']) {
  test(`H95 TE: ${te} asks for no trailers`, async () => {
    const head = lines('GET /bytes/300000 HTTP/1.1', 'Host: x', `KEYTE: ${te}`, 'Connection: close')
    const text = await sendRaw(gateway.port, withKey(head, gateway), { isAll: () => false })
    assert.doesNotMatch(text.slice(0, 2000), /^trailer:/im)
  })
}

test('H91 the address of the caller is the socket’s, whatever fields say', async () => {
  const claims = ['X-Forwarded-For: 10.0.0.1', 'X-Real-IP: 10.0.0.1', 'True-Client-IP: 10.0.0.1']
  const echo = await passed('GET /echo HTTP/1.1', ...claims)
  const intent = (await gateway.exchanges()).findLast(({ kind }) => kind === 'intent')
  assert.deepEqual(valuesOf(echo, 'x-forwarded-for'), ['127.0.0.1'])
  assert.equal(intent?.where.address, '127.0.0.1')
})

test('H93 lines of Cookie keep their order and are not joined', async () => {
  const echo = await passed('GET /echo HTTP/1.1', 'Cookie: a=1', 'X-B: 1', 'Cookie: c=2; b=3')
  assert.deepEqual(valuesOf(echo, 'cookie'), ['a=1', 'c=2; b=3'])
})

test('H94 a field named constructor is a field', async () => {
  const echo = await passed('GET /echo HTTP/1.1', 'constructor: 1', 'toString: 2')
  assert.deepEqual([valuesOf(echo, 'constructor'), valuesOf(echo, 'tostring')], [['1'], ['2']])
})
