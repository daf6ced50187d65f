// What the gateway asks on its own behalf: whom it trusts, and how much it takes.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { after, test } from 'node:test'
import { httpClient } from '../../packages/gateway/src/compose/http-client.ts'
import type { HttpRequest } from '../../packages/gateway/src/platform/index.ts'
import { makeAuthority } from '../proxy/certificates.ts'

const authority = makeAuthority()
const stranger = makeAuthority()
const trusting = httpClient(authority.pem)
const usual = httpClient()
const answers: RequestListener = (request, response) => {
  if (request.url === '/away') return void response.writeHead(302, { location: '/' }).end()
  if (request.url === '/large') return void response.end('x'.repeat(2000))
  if (request.url === '/never') return
  response.end(`${request.method} ${String(request.headers['x-a'])}`)
}
const plain = createServer(answers).listen(0, '127.0.0.1')
const secure = tls(authority.issue(['localhost']))
const misnamed = tls(authority.issue(['other.example']))
const untrusted = tls(stranger.issue(['localhost']))
const servers = [plain, secure, misnamed, untrusted]
for (const server of servers) if (!server.listening) await once(server, 'listening')

after(async () => {
  for (const server of servers) {
    server.closeAllConnections()
    server.close()
  }
  await Promise.all([trusting.close(), usual.close()])
  for (const each of [authority, stranger]) each.remove()
})

function tls({ certificate, key }: { readonly certificate: string; readonly key: string }) {
  return createTlsServer({ cert: certificate, key }, answers).listen(0, '127.0.0.1')
}

function portOf(server: { address(): unknown }): number {
  return (server.address() as AddressInfo).port
}

function ask(url: string, more: Partial<HttpRequest> = {}): Promise<string> {
  const { client = trusting, ...rest } = more as Partial<HttpRequest> & { client?: typeof usual }
  return client
    .request({
      url,
      method: 'GET',
      headers: { 'x-a': 'b' },
      bytesMax: 1000,
      timeoutMs: 500,
      allowsLoopbackHttp: false,
      ...rest,
    })
    .then(({ status, body }) => `${status} ${Buffer.from(body).toString()}`)
}

const https = (server: typeof secure, path = '/'): string =>
  `https://localhost:${portOf(server)}${path}`
const http = (path = '/'): string => `http://127.0.0.1:${portOf(plain)}${path}`

test('a server of the authority, by its name', async () => {
  assert.equal(await ask(https(secure)), '200 GET b')
})

test('a redirect is an answer, and nobody follows it', async () => {
  assert.equal(await ask(https(secure, '/away')), '302 ')
})

test('plain http on this machine, where that is allowed', async () => {
  assert.equal(await ask(http(), { allowsLoopbackHttp: true }), '200 GET b')
})

for (const [name, url, more, code] of [
  ['a server of another authority', () => https(untrusted), {}, 'HTTP_FAILED'],
  ['one with a certificate for another name', () => https(misnamed), {}, 'HTTP_FAILED'],
  ['the authority where nobody named it', () => https(secure), { client: usual }, 'HTTP_FAILED'],
  ['nobody', () => 'https://localhost:1/', {}, 'HTTP_FAILED'],
  ['more than the limit', () => https(secure, '/large'), {}, 'HTTP_TOO_LARGE'],
  ['an answer that never comes', () => https(secure, '/never'), {}, 'HTTP_TIMEOUT'],
  ['plain http', () => http(), {}, 'HTTP_URL_REFUSED'],
  [
    'plain http elsewhere',
    () => 'http://192.0.2.1/',
    { allowsLoopbackHttp: true },
    'HTTP_URL_REFUSED',
  ],
  [
    'a name that begins like this machine',
    () => 'http://127.0.0.1.evil.example/',
    { allowsLoopbackHttp: true },
    'HTTP_URL_REFUSED',
  ],
  ['a user in the URL', () => 'https://a:b@localhost/', {}, 'HTTP_URL_REFUSED'],
  ['a file', () => 'file:///etc/passwd', {}, 'HTTP_URL_REFUSED'],
  ['no URL', () => 'jwks', {}, 'HTTP_URL_REFUSED'],
] as const) {
  test(`${name}: ${code}`, async () => {
    await assert.rejects(ask(url(), more as Partial<HttpRequest>), { name: 'HttpError', code })
  })
}
