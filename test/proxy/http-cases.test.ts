// Requests that two readers could take differently. Every refusal is in the ledger, and nothing of
// it goes upstream; what is accepted arrives there in one spelling.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { waitFor } from '../demo-process.ts'
import { startGateway, type TestGateway } from './gateway.ts'
import { readAnswer, sendRaw } from './raw-client.ts'
import { startUpstream, type UpstreamProcess } from './upstream.ts'

let upstream: UpstreamProcess
let gateway: TestGateway

before(async () => {
  upstream = await startUpstream()
  gateway = await startGateway({
    upstream: upstream.url,
    limits: { headMs: 1000, bodyBytesMax: 1000, bodyIdleMs: 1000, headBytesMax: 16_384 },
  })
})
after(async () => {
  await gateway.close()
  await upstream.close()
})

const HOST = 'Host: x\r\n'
const H2C = 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAAA\r\n'
const CHUNKED = 'Transfer-Encoding: chunked\r\n'
const manyHeaders = Array.from({ length: 150 }, (_, n) => `X-${n}: 1\r\n`).join('')

/** `KEY` stands for Ada's credentials. */
const REFUSED: readonly (readonly [name: string, request: string, want: string])[] = [
  [
    'H01 length and chunked',
    `POST /echo HTTP/1.1\r\n${HOST}Content-Length: 4\r\n${CHUNKED}\r\n0\r\n\r\n`,
    '400 malformed-request',
  ],
  [
    'H02 two lengths',
    `POST /echo HTTP/1.1\r\n${HOST}Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcd`,
    '400 malformed-request',
  ],
  [
    'H03 the same length twice',
    `POST /echo HTTP/1.1\r\n${HOST}Content-Length: 4\r\nContent-Length: 4\r\n\r\nabcd`,
    '400 malformed-request',
  ],
  [
    'H04 a signed length',
    `POST /echo HTTP/1.1\r\n${HOST}Content-Length: +4\r\n\r\nabcd`,
    '400 malformed-request',
  ],
  [
    'H05 a length with leading zeros',
    `POST /echo HTTP/1.1\r\n${HOST}Content-Length: 004\r\n\r\nabcd`,
    '400 malformed-framing',
  ],
  [
    'H06 an empty length',
    `POST /echo HTTP/1.1\r\n${HOST}Content-Length:\r\n\r\n`,
    '400 malformed-request',
  ],
  [
    'H07 a length beyond all numbers',
    `POST /echo HTTP/1.1\r\n${HOST}Content-Length: 9223372036854775808\r\n\r\n`,
    '400 malformed-framing',
  ],
  [
    'H09 an underscore in a name',
    `POST /echo HTTP/1.1\r\n${HOST}Content_Length: 4\r\n\r\n`,
    '400 ambiguous-header',
  ],
  [
    'H10 a coding that is nearly chunked',
    `POST /echo HTTP/1.1\r\n${HOST}Transfer-Encoding: xchunked\r\n\r\n`,
    '501 coding-refused',
  ],
  [
    'H12 identity before chunked',
    `POST /echo HTTP/1.1\r\n${HOST}Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n`,
    '501 coding-refused',
  ],
  [
    'H13 gzip before chunked',
    `POST /echo HTTP/1.1\r\n${HOST}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`,
    '501 coding-refused',
  ],
  [
    'H14 chunked twice',
    `POST /echo HTTP/1.1\r\n${HOST}${CHUNKED}${CHUNKED}\r\n0\r\n\r\n`,
    '400 malformed-request',
  ],
  [
    'H17 chunked in HTTP/1.0',
    `POST /echo HTTP/1.0\r\n${HOST}${CHUNKED}\r\n0\r\n\r\n`,
    '505 version-refused',
  ],
  [
    'H18 an underscored coding beside a length',
    `POST /echo HTTP/1.1\r\n${HOST}Transfer_Encoding: chunked\r\nContent-Length: 4\r\n\r\nabcd`,
    '400 ambiguous-header',
  ],
  [
    'H34 an expectation nobody knows',
    `POST /echo HTTP/1.1\r\n${HOST}Expect: x 100-continue\r\nContent-Length: 4\r\n\r\nabcd`,
    '417 expectation-failed',
  ],
  ['H43 a bare line feed', `GET /echo HTTP/1.1\nHost: x\n\n`, '400 malformed-request'],
  [
    'H47 a folded header',
    `GET /echo HTTP/1.1\r\n${HOST}X-A: 1\r\n 2\r\n\r\n`,
    '400 malformed-request',
  ],
  ['H49 a space in a name', `GET /echo HTTP/1.1\r\n${HOST}X A: 1\r\n\r\n`, '400 malformed-request'],
  ['H50 HTTP/0.9', 'GET /echo\r\n\r\n', '505 version-refused'],
  ['H51 HTTP/2.0 on the wire', `GET /echo HTTP/2.0\r\n${HOST}\r\n`, '505 version-refused'],
  ['H52 a version nobody has', `GET /echo HTTP/1.1x\r\n${HOST}\r\n`, '400 malformed-request'],
  ['H55 a method in lower case', `get /echo HTTP/1.1\r\n${HOST}\r\n`, '400 malformed-request'],
  ['H56 TRACE', `TRACE /echo HTTP/1.1\r\n${HOST}\r\n`, '405 method-not-allowed'],
  ['H57 CONNECT', `CONNECT evil:443 HTTP/1.1\r\n${HOST}\r\n`, '405 method-not-allowed'],
  [
    'H59 a target that is too long',
    `GET /echo/${'a'.repeat(8001)} HTTP/1.1\r\n${HOST}\r\n`,
    '414 uri-too-long',
  ],
  [
    'H59 headers that are too large',
    `GET /echo HTTP/1.1\r\n${HOST}X-A: ${'a'.repeat(17_000)}\r\n\r\n`,
    '431 head-too-large',
  ],
  [
    'H59 headers that are too many',
    `GET /echo HTTP/1.1\r\n${HOST}${manyHeaders}\r\n`,
    '431 head-too-large',
  ],
  ['H60 no host', 'GET /echo HTTP/1.1\r\n\r\n', '400 malformed-host'],
  ['H60 no host in HTTP/1.0', 'GET /echo HTTP/1.0\r\n\r\n', '505 version-refused'],
  ['H61 two hosts', `GET /echo HTTP/1.1\r\n${HOST}Host: y\r\n\r\n`, '400 malformed-host'],
  ['H61 the same host twice', `GET /echo HTTP/1.1\r\n${HOST}${HOST}\r\n`, '400 malformed-host'],
  ...['a, b', 'u@a', 'a/b', '', 'a:99999', 'a b', '[::1', 'a:0', '%61', '[1.2.3.4]'].map(
    (host): [string, string, string] => [
      `H62 host ${JSON.stringify(host)}`,
      `GET /echo HTTP/1.1\r\nHost: ${host}\r\n\r\n`,
      '400 malformed-host',
    ],
  ),
  [
    'H63 an absolute target of another host',
    `GET http://y/echo HTTP/1.1\r\n${HOST}\r\n`,
    '400 malformed-target',
  ],
  [
    'H64 an absolute target of another scheme',
    `GET https://x/echo HTTP/1.1\r\n${HOST}\r\n`,
    '400 malformed-target',
  ],
  ['H64 ftp', `GET ftp://x/echo HTTP/1.1\r\n${HOST}\r\n`, '400 malformed-target'],
  ['H68 an asterisk', `OPTIONS * HTTP/1.1\r\n${HOST}\r\n`, '400 malformed-target'],
  ['H84 a fragment', `GET /echo#a HTTP/1.1\r\n${HOST}\r\n`, '400 malformed-target'],
  ...[
    '//evil/x',
    '/\\evil/x',
    '/a/../b',
    '/a/%2e%2e/b',
    '/.%2e/b',
    '/a/..%2fb',
    '/..%5cb',
    '/%c0%ae/b',
    '/a//b',
    '/./a',
    '/a/.',
    '/a;x=1',
    '/..;/a',
    '/a%00.png',
    '/a%09',
  ].map((path): [string, string, string] => [
    `H66–H81 path ${path}`,
    `GET ${path} HTTP/1.1\r\n${HOST}\r\n`,
    '400 ambiguous-path',
  ]),
  ['H78 %u', `GET /%u002e HTTP/1.1\r\n${HOST}\r\n`, '400 malformed-target'],
  ['H82 a broken escape', `GET /%zz HTTP/1.1\r\n${HOST}\r\n`, '400 malformed-target'],
  [
    'H82 a lone percent in the query',
    `GET /echo?a=% HTTP/1.1\r\n${HOST}\r\n`,
    '400 malformed-target',
  ],
  [
    'H87 Connection: a field that policies judge',
    `GET /echo HTTP/1.1\r\n${HOST}KEYX-Shown: 1\r\nConnection: close, x-shown\r\n\r\n`,
    '400 ambiguous-header',
  ],
  [
    'H90 a look-alike of a field that policies judge',
    `GET /echo HTTP/1.1\r\n${HOST}KEYX-Shown: 1\r\nX.Shown: 2\r\nConnection: close\r\n\r\n`,
    '400 ambiguous-header',
  ],
  [
    'H88 Connection: Content-Length',
    `POST /echo HTTP/1.1\r\n${HOST}Connection: Content-Length\r\nContent-Length: 4\r\n\r\nabcd`,
    '400 ambiguous-header',
  ],
  [
    'H88 Connection: Host',
    `GET /echo HTTP/1.1\r\n${HOST}Connection: close, HOST\r\n\r\n`,
    '400 ambiguous-header',
  ],
  ['H93 two Authorization', `GET /echo HTTP/1.1\r\n${HOST}KEYKEY\r\n`, '400 credentials-ambiguous'],
  [
    'H101 an upgrade to websocket',
    `GET /echo HTTP/1.1\r\n${HOST}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
    '501 upgrade-refused',
  ],
  ['H104 an upgrade to h2c', `GET /echo HTTP/1.1\r\n${HOST}${H2C}\r\n`, '501 upgrade-refused'],
  ['H105 the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', '400 malformed-request'],
  ['H107 a head that does not end', 'GET /echo HTTP/1.1\r\nHost: x\r\nX-A', '408 request-timeout'],
  [
    'a body beyond the limit, announced',
    `POST /echo HTTP/1.1\r\n${HOST}KEYContent-Length: 1001\r\n\r\n`,
    '413 body-too-large',
  ],
  [
    'no route to that host and path',
    `POST /echo HTTP/1.1\r\nHost: named.example\r\nContent-Length: 0\r\n\r\n`,
    '405 method-not-allowed',
  ],
]

for (const [name, request, want] of REFUSED) {
  test(`${name}: ${want}`, async () => {
    const count = (await upstream.received()).count
    const answer = readAnswer(await sendRaw(gateway.port, withKey(request)))
    const { reason, requestId } = JSON.parse(answer.body || '{}') as Record<string, string>
    assert.equal(`${answer.status} ${reason}`, want)
    assert.equal((await upstream.received()).count, count, 'nothing went upstream')
    const refusal = (await gateway.exchanges()).find(({ when }) => when.exchange === requestId)
    assert.equal(refusal?.kind, 'refusal')
    assert.equal(`${refusal?.how.status} ${refusal?.why.reason}`, want)
    assert.ok(answer.headers['countersign-receipt'], 'a receipt of the refusal')
  })
}

type Echo = Record<string, unknown> & { readonly rawHeaders: readonly string[] }

/** Sends a request of Ada's that is accepted; returns what the upstream received of it. */
async function accepted(request: string): Promise<Echo> {
  const answer = readAnswer(await sendRaw(gateway.port, withKey(request)))
  assert.equal(answer.status, 200, answer.body)
  return JSON.parse(answer.body) as Echo
}

const get = (target: string, more = ''): string => {
  return `GET ${target} HTTP/1.1\r\n${HOST}KEYConnection: close\r\n${more}\r\n`
}

for (const [name, sent, want] of [
  ['H83 an escaped letter is decoded once', '/%65cho', '/echo'],
  ['H77 a twice escaped dot stays escaped', '/echo/%252e%252E', '/echo/%252e%252E'],
  ['an escape that must stay is upper case', '/echo/%c3%a9%20', '/echo/%C3%A9%20'],
  ['H81 case and final dots are literal', '/echo/ADMIN.', '/echo/ADMIN.'],
  [
    'H86 the query is passed as it came',
    '/echo?b=2&a=%2e%2e;c[]=/../',
    '/echo?b=2&a=%2e%2e;c[]=/../',
  ],
  ['an absolute target of this host is a path', 'http://X/echo?a', '/echo?a'],
  ['an empty query stays', '/echo?', '/echo?'],
] as const) {
  test(`${name}: ${sent}`, async () => {
    const echo = await accepted(get(sent))
    const intent = (await gateway.exchanges()).findLast(({ kind }) => kind === 'intent')
    const [path, query] = want.split('?')
    assert.equal(echo.url, want)
    assert.equal(intent?.what.path, path, 'recorded as forwarded')
    assert.equal(intent?.what.query, query)
  })
}

test('H63 the canonical host is recorded, and the upstream gets its own', async () => {
  const request = `GET /echo HTTP/1.1\r\nHost: EXAMPLE.com.:80\r\nKEYConnection: close\r\n\r\n`
  const { rawHeaders } = await accepted(request)
  const intent = (await gateway.exchanges()).findLast(({ kind }) => kind === 'intent')
  assert.equal(intent?.what.authority, 'example.com:80')
  assert.deepEqual(valuesOf(rawHeaders, 'host'), [new URL(upstream.url).host])
  assert.deepEqual(valuesOf(rawHeaders, 'x-forwarded-host'), ['example.com:80'])
})

test('H69, H87 to H92 what only the gateway may say is not taken from a caller', async () => {
  const forged = [
    'X-Auth-User: root',
    'x-AUTH-user: root',
    'X.Auth.User: root',
    'Countersign-Principal: root',
    "Countersign'Principal: root",
    'Countersign.Principal: root',
    'Remote-User: root',
    'X-Webauth-User: root',
    'X-Ms-Client-Principal-Name: root',
    'Ssl-Client-Verify: SUCCESS',
    'X-Forwarded: for=evil',
    'X-Original-Forwarded-For: 1.1.1.1',
    'X-Scheme: https',
    'X-Forwarded-For: 127.0.0.9',
    'X-Forwarded-Host: evil',
    'Forwarded: for=evil',
    'X-Real-IP: 1.1.1.1',
    'X-Original-URL: /admin',
    'X-HTTP-Method-Override: DELETE',
    'Proxy: http://evil',
    'X-Request-Id: forged',
    'TE: gzip',
    'Keep-Alive: 5',
    'Proxy-Connection: close',
    'Proxy-Authorization: Basic YTpi',
    'X-Hop: 1',
    'X.Hop: 1',
    'X-Kept: 1',
    'X-Ms-Client-Request-Id: 1',
  ].join('\r\n')
  const hop = 'Connection: close, X-Hop, X-Auth-User, X-Forwarded-For, Countersign-Principal'
  const request = `GET /echo HTTP/1.1\r\n${HOST}KEY${hop}\r\n${forged}\r\n\r\n`
  const { rawHeaders } = await accepted(request)
  const names = rawHeaders.filter((_, at) => at % 2 === 0).map((name) => name.toLowerCase())
  assert.deepEqual(names.filter((name) => name !== 'connection').toSorted(), [
    'countersign-principal',
    'countersign-principal-kind',
    'host',
    'traceparent',
    'x-forwarded-for',
    'x-forwarded-host',
    'x-forwarded-proto',
    'x-kept',
    'x-ms-client-request-id',
    'x-request-id',
  ])
  assert.deepEqual(valuesOf(rawHeaders, 'countersign-principal'), ['ada'])
  assert.deepEqual(valuesOf(rawHeaders, 'x-forwarded-for'), ['127.0.0.1'])
  assert.notDeepEqual(valuesOf(rawHeaders, 'x-request-id'), ['forged'])
})

for (const [name, received, want] of [
  [
    'a valid trace goes on under a new span',
    `traceparent: 00-${'a'.repeat(32)}-${'b'.repeat(16)}-01\r\n`,
    /^00-a{32}-(?!b{16})[0-9a-f]{16}-01$/,
  ],
  [
    'an invalid trace is replaced',
    `traceparent: 00-${'0'.repeat(32)}-${'b'.repeat(16)}-01\r\n`,
    /^00-(?!0{32})[0-9a-f]{32}-[0-9a-f]{16}-00$/,
  ],
  [
    'two traces are none',
    `traceparent: 00-${'a'.repeat(32)}-${'b'.repeat(16)}-01\r\n`.repeat(2),
    /^00-(?!a{32})[0-9a-f]{32}-[0-9a-f]{16}-00$/,
  ],
] as const) {
  test(name, async () => {
    const { rawHeaders } = await accepted(get('/echo', received))
    assert.match(valuesOf(rawHeaders, 'traceparent').join(), want)
  })
}

for (const [name, body, bytes] of [
  [
    'H16, H22, H25 chunks in any spelling',
    `Transfer-Encoding: chunKED\r\n\r\n4;a=b\r\nabcd\r\n000\r\n\r\n`,
    4,
  ],
  [
    'H27 trailers are not passed on',
    `${CHUNKED}\r\n1\r\na\r\n0\r\nAuthorization: x\r\nHost: y\r\n\r\n`,
    1,
  ],
  ['H31 a body on GET is framed again', 'Content-Length: 3\r\n\r\nabc', 3],
  ['a body of no bytes', 'Content-Length: 0\r\n\r\n', 0],
] as const) {
  test(`${name}: ${bytes} bytes arrive`, async () => {
    const echo = await accepted(`GET /echo HTTP/1.1\r\n${HOST}KEYConnection: close\r\n${body}`)
    assert.deepEqual([echo.bytes, echo.rawTrailers], [bytes, []])
  })
}

for (const [name, body] of [
  ['H19 a chunk size with a sign', '+4\r\nabcd\r\n0\r\n\r\n'],
  ['H23 a chunk without its end', '4\r\nabcdXX0\r\n\r\n'],
  ['H24 a terminator of line feeds', '1\r\na\r\n0\n\n'],
] as const) {
  test(`${name}: 400, the upstream sees an abort, and the outcome says so`, async () => {
    const head = withKey(`POST /echo HTTP/1.1\r\n${HOST}KEY${CHUNKED}\r\n`)
    const answer = readAnswer(await sendRaw(gateway.port, head, { parts: [body] }))
    const outcome = (await gateway.exchanges()).findLast(({ kind }) => kind === 'outcome')
    assert.equal(answer.status, 400)
    assert.deepEqual([outcome?.how.status, outcome?.how.error], [400, 'malformed-framing'])
  })
}

test('H30, H32 pipelined requests: a decision and two records each, answers in order', async () => {
  const ben = `Authorization: Bearer ${gateway.keys.ben}\r\n`
  const first = withKey(`GET /chunks/2/5/60 HTTP/1.1\r\n${HOST}KEY\r\n`)
  const second = `GET /echo HTTP/1.1\r\n${HOST}${ben}\r\n`
  const third = withKey(get('/bytes/7'))
  const before = (await gateway.exchanges()).length
  const one = readAnswer(
    await sendRaw(gateway.port, first + second + third, { isAll: () => false }),
  )
  const two = readAnswer(one.rest)
  const three = readAnswer(two.rest)
  assert.deepEqual(
    [one.status, one.body, two.status, three.body],
    [200, 'aaaaabbbbb', 403, 'bbbbbbb'],
  )
  const kinds = (await gateway.exchanges()).slice(before).map(({ kind }) => kind)
  assert.deepEqual(kinds, ['intent', 'outcome', 'refusal', 'intent', 'outcome'])
})

test('garbage after a whole request is refused when that one has been answered', async () => {
  const one = readAnswer(
    await sendRaw(
      gateway.port,
      withKey(`GET /chunks/2/5/60 HTTP/1.1\r\n${HOST}KEY\r\n\x00\x01\r\n\r\n`),
      { isAll: () => false },
    ),
  )
  assert.deepEqual([one.status, one.body], [200, 'aaaaabbbbb'])
  assert.equal(readAnswer(one.rest).status, 400)
})

const WAITS = 'Expect: 100-continue\r\n'

test('H34 100-continue is said when the intent is durable, and only then', async () => {
  const head = withKey(
    `POST /echo HTTP/1.1\r\n${HOST}KEYConnection: close\r\n${WAITS}Content-Length: 4\r\n\r\n`,
  )
  const text = await sendRaw(gateway.port, head, { parts: ['', '', 'abcd'] })
  assert.ok(text.startsWith('HTTP/1.1 100 Continue\r\n\r\n'))
  assert.match(text, /"bytes":4/)
  const refused = head.replace(/Authorization.*\r\n/, '')
  assert.ok((await sendRaw(gateway.port, refused)).startsWith('HTTP/1.1 401'))
})

test('H35, H108 a body that never comes: 408, the upstream is let go', async () => {
  const head = withKey(`POST /echo HTTP/1.1\r\n${HOST}KEYContent-Length: 4\r\n\r\na`)
  const answer = readAnswer(await sendRaw(gateway.port, head))
  const outcome = (await gateway.exchanges()).findLast(({ kind }) => kind === 'outcome')
  assert.equal(answer.status, 408)
  assert.deepEqual([outcome?.how.error, outcome?.how.request?.bytes], ['body-timeout', 1])
})

test('a chunked body beyond the limit: 413, and the outcome says how much went on', async () => {
  const chunk = `320\r\n${'a'.repeat(800)}\r\n`
  const head = withKey(`POST /echo HTTP/1.1\r\n${HOST}KEY${CHUNKED}\r\n${chunk}`)
  const intents = async (): Promise<number> =>
    (await gateway.exchanges()).filter(({ kind }) => kind === 'intent').length
  const earlier = await intents()
  // From its intent on the first chunk goes on: the second is not to come before that.
  const beforeParts = () => waitFor(async () => (await intents()) > earlier)
  const answer = readAnswer(await sendRaw(gateway.port, head, { parts: [chunk], beforeParts }))
  const outcome = (await gateway.exchanges()).findLast(({ kind }) => kind === 'outcome')
  assert.equal(answer.status, 413)
  assert.deepEqual([outcome?.how.error, outcome?.how.request?.bytes], ['body-too-large', 800])
})

test('H93 each Set-Cookie stays a line of its own; fields of the hop stay behind', async () => {
  const text = await sendRaw(gateway.port, withKey(get('/echo')))
  assert.match(text, /set-cookie: a=1\r\nset-cookie: b=2\r\n/i)
  assert.doesNotMatch(text, /x-hop|forged/i)
})

test('H94 names that JavaScript knows are inert', async () => {
  const { rawHeaders } = await accepted(
    get('/echo?__proto__=1', '__proto__: 1\r\n'.replaceAll('_', '-')),
  )
  assert.ok(rawHeaders.includes('--proto--'))
})

function valuesOf(rawHeaders: readonly string[], name: string): readonly (string | undefined)[] {
  return rawHeaders.flatMap((each, at) => {
    return at % 2 === 0 && each.toLowerCase() === name ? [rawHeaders[at + 1]] : []
  })
}

function withKey(request: string): string {
  return request.replaceAll('KEY', `Authorization: Bearer ${gateway.keys.ada}\r\n`)
}

test('a host that no URL can have: what is asked of the gateway itself is answered', async () => {
  const head = 'GET /.well-known/countersign/x HTTP/1.1\r\nHost: 1.2.3.256\r\nConnection: close'
  const answer = readAnswer(await sendRaw(gateway.port, `${head}\r\n\r\n`))
  assert.deepEqual([answer.status, answer.body], [200, 'own /.well-known/countersign/x'])
})
