// Directories that are none, or want something else: an order fails in bounded time with one code,
// and the gateway goes nowhere that is not https.
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { after, before, describe, test } from 'node:test'
import {
  acmeSchema,
  orderCertificate,
  PendingChallenges,
} from '../../packages/gateway/src/acme/index.ts'
import { httpClient, type OpenHttpClient } from '../../packages/gateway/src/compose/http-client.ts'
import { systemClock } from '../../packages/gateway/src/platform/index.ts'
import { need } from '../needs.ts'
import { type Authority, makeAuthority } from '../proxy/certificates.ts'

const skip = need('openssl', { command: 'openssl', install: 'apt-get install openssl' })
const KEY = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({
  type: 'pkcs8',
  format: 'pem',
})

type Answer = (request: IncomingMessage, response: ServerResponse, base: string) => void

function directory(base: string, more: object = {}): string {
  const urls = { newNonce: `${base}/nonce`, newAccount: `${base}/account`, newOrder: `${base}/o` }
  return JSON.stringify({ ...urls, ...more })
}

/** A directory as it should be, and whatever else at the other places. */
function beyond(answer: Answer, more: object = {}): Answer {
  return (request, response, base) => {
    if (request.url === '/dir') response.end(directory(base, more))
    else answer(request, response, base)
  }
}

const HOSTILE: readonly (readonly [what: string, answer: Answer])[] = [
  ['says nothing that can be read', (_, response) => response.end('<html>no</html>')],
  ['says null', (_, response) => response.end('null')],
  ['fails', (_, response) => response.writeHead(500).end('{}')],
  [
    'points elsewhere',
    (_, response) => response.writeHead(302, { location: 'https://127.0.0.1:1/' }).end(),
  ],
  ['has no places', (_, response) => response.end('{}')],
  ['has places that are no text', (_, response) => response.end('{"newNonce":{"a":1}}')],
  ['sends without end', (_, response) => response.end(Buffer.alloc(3_000_000, 0x20))],
  ['hangs up', (_, response) => response.destroy()],
  ['gives no nonce', beyond((_, response) => response.end('{}'))],
  [
    'wants to be asked without TLS',
    beyond((_, response) => response.end(), { newNonce: 'http://127.0.0.1:1/nonce' }),
  ],
  [
    'wants to be asked elsewhere than over HTTP',
    beyond((_, response) => response.end(), { newNonce: 'file:///etc/passwd' }),
  ],
  [
    'refuses every nonce',
    beyond((_, response) => {
      const head = { 'replay-nonce': 'abc', 'content-type': 'application/problem+json' }
      response.writeHead(400, head)
      response.end('{"type":"urn:ietf:params:acme:error:badNonce","detail":"no"}')
    }),
  ],
  [
    'refuses with a long story',
    beyond((_, response) => {
      response.writeHead(403, { 'replay-nonce': 'abc' })
      response.end(JSON.stringify({ type: 'urn:x', detail: 'x'.repeat(100_000) }))
    }),
  ],
]

describe('a directory that', { skip }, () => {
  let authority: Authority
  let server: Server
  let http: OpenHttpClient
  let answer: Answer = () => undefined

  before(async () => {
    authority = makeAuthority()
    const issued = authority.issue(['127.0.0.1'])
    server = createServer({ cert: issued.certificate, key: issued.key }, (request, response) => {
      answer(request, response, base())
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    http = httpClient(authority.pem)
  })
  after(async () => {
    await http?.close()
    server?.closeAllConnections()
    server?.close()
    authority?.remove()
  })

  function base(): string {
    return `https://127.0.0.1:${(server.address() as AddressInfo).port}`
  }

  async function refused(): Promise<void> {
    const order = orderCertificate({
      config: acmeSchema.parse({
        directory: `${base()}/dir`,
        domains: ['a.example'],
        termsOfServiceAgreed: true,
      }),
      clock: systemClock(),
      http,
      challenges: new PendingChallenges(),
      accountKey: async () => KEY.toString(),
      macKey: undefined,
      signal: new AbortController().signal,
    })
    await assert.rejects(order, (error: Error & { code?: string }) => {
      assert.equal(error.code, 'ACME_DIRECTORY')
      assert.ok(error.message.length <= 300)
      return true
    })
  }

  for (const [what, how] of HOSTILE) {
    test(`${what} ends the order, and says so in a few words`, async () => {
      answer = how
      await refused()
    })
  }

  for (const [type, asked] of [
    ['urn:ietf:params:acme:error:accountDoesNotExist', 2],
    ['urn:ietf:params:acme:error:rateLimited', 1],
    ['urn:ietf:params:acme:error:serverInternal', 1],
  ] as const) {
    test(`answers ${type} is asked ${asked} times for an account`, async () => {
      let accounts = 0
      answer = beyond((request, response) => {
        if (request.url === '/account') accounts += 1
        response.writeHead(400, { 'replay-nonce': 'abc' })
        response.end(JSON.stringify({ type, detail: 'no' }))
      })
      await refused()
      assert.equal(accounts, asked, 'an account is asked for only where there is none')
    })
  }
})
