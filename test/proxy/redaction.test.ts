// Promise 7, for credentials: whatever a caller sends wherever, no record of any kind holds it.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startGateway, type TestGateway } from './gateway.ts'
import { sendRaw } from './raw-client.ts'
import { startUpstream, type UpstreamProcess } from './upstream.ts'

let upstream: UpstreamProcess
let gateway: TestGateway

before(async () => {
  upstream = await startUpstream()
  const headers = [
    'X-Shown',
    'Authorization',
    'COOKIE',
    'x-api-key',
    'Proxy-Authorization',
    'Set-Cookie',
  ]
  const routes = [
    { name: 'all', path: '/', upstream: 'upstream', headers, authenticate: 'optional' },
  ]
  gateway = await startGateway({ upstream: upstream.url, routes })
})
after(async () => {
  await gateway.close()
  await upstream.close()
})

const SECRET = 'S3cr3tS3cr3tS3cr3t'
const JWT = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl'
const escaped = (text: string): string => {
  return text
    .split('')
    .map((each) => `%${each.charCodeAt(0).toString(16)}`)
    .join('')
}

for (const [name, target, headers] of [
  ['a wrong bearer', '/echo', `Authorization: Bearer ${SECRET}`],
  ['a basic password in any case', '/echo', `aUTHORIZATION: bASIC ${SECRET}`],
  ['a proxy password', '/echo', `Proxy-Authorization: Basic ${SECRET}`],
  ['a cookie', '/echo', `cOOkie: sid=${SECRET}`],
  ['an API key header', '/echo', `X-API-KEY: ${SECRET}`],
  ['a set-cookie from a client', '/echo', `Set-Cookie: a=${SECRET}`],
  ['a bearer in a shown header', '/echo', `X-Shown: Bearer ${SECRET}`],
  ['a JSON web token in a shown header', '/echo', `X-Shown: a ${JWT} b`],
  ['a header that is not listed', '/echo', `X-Other: ${SECRET}`],
  ['a bearer in the user agent', '/echo', `User-Agent: x (bearer ${SECRET})`],
  ['a token in the query', `/echo?access_token=${SECRET}`, 'X: 1'],
  ['a password in a nested name', `/echo?user[Password]=${SECRET}&a=1`, 'X: 1'],
  ['an escaped name', `/echo?${escaped('api-key')}=${SECRET}`, 'X: 1'],
  ['a semicolon for an ampersand', `/echo?a=1;sig=${SECRET}`, 'X: 1'],
  ['a token under a harmless name', `/echo?q=${JWT}`, 'X: 1'],
  ['a target that is refused', `/echo//${SECRET}?token=${SECRET}`, 'X: 1'],
  ['a fragment', `/echo#access_token=${SECRET}`, 'X: 1'],
  ['credentials in the host', '/echo', `X: 1\r\nHost: user:${SECRET}@x`],
  ['bytes that are no request', `/echo HTTP/9.9\r\nX: ${SECRET}`, 'X: 1'],
] as const) {
  test(`no record holds ${name}`, async () => {
    const host = headers.includes('Host:') ? '' : 'Host: x\r\n'
    await sendRaw(
      gateway.port,
      `GET ${target} HTTP/1.1\r\n${host}Connection: close\r\n${headers}\r\n\r\n`,
    )
    await assertNoSecret([SECRET, JWT])
  })
}

for (const [name, place] of [
  ['the path', (key: string) => `/echo/${key}`],
  ['the path, escaped', (key: string) => `/echo/${escaped(key)}`],
  ['the query', (key: string) => `/echo?q=${key}`],
  ['the query, escaped', (key: string) => `/echo?q=${escaped(key)}`],
  ['the query, escaped twice', (key: string) => `/echo?q=${escaped(key).replaceAll('%', '%25')}`],
  ['the query, as a name', (key: string) => `/echo?${key}`],
  ['the query, as a name with a value', (key: string) => `/echo?${escaped(key)}=1`],
] as const) {
  test(`no record holds an API key in ${name}; the upstream gets it all the same`, async () => {
    const { ada } = gateway.keys
    const target = place(ada)
    const auth = `Authorization: Bearer ${ada}\r\nUser-Agent: me ${ada}\r\nX-Shown: ${ada}`
    const text = await sendRaw(
      gateway.port,
      `GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${auth}\r\n\r\n`,
    )
    assert.match(text, /^HTTP\/1\.1 200/)
    await assertNoSecret([ada, escaped(ada), escaped(ada).replaceAll('%', '%25')])
  })
}

test('what is no secret is kept as it was', async () => {
  const { ada } = gateway.keys
  const head = `GET /echo?zipcode=1&sortkey=b&page=2 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n`
  await sendRaw(gateway.port, `${head}X-Shown: plain\r\nAuthorization: Bearer ${ada}\r\n\r\n`)
  const intent = (await gateway.exchanges()).findLast(({ kind }) => kind === 'intent')
  assert.equal(intent?.what.query, 'zipcode=1&sortkey=b&page=2')
  assert.deepEqual(intent?.what.headers, { 'x-shown': ['plain'], authorization: ['[redacted]'] })
})

test('the operator’s log holds none either', () => {
  const text = JSON.stringify(gateway.events, (_, value) =>
    value instanceof Error ? value.message : value,
  )
  assert.ok(!text.includes(SECRET) && !text.includes(gateway.keys.ada))
})

/** Of every record in the ledger so far, in whatever spelling of escapes. */
async function assertNoSecret(secrets: readonly string[]): Promise<void> {
  const records = await gateway.exchanges()
  assert.ok(records.length > 0)
  for (const { index, text } of records) {
    for (const secret of secrets) {
      const isThere = text.toLowerCase().includes(secret.toLowerCase())
      assert.ok(!isThere, `record ${index}: ${text}`)
    }
  }
}
