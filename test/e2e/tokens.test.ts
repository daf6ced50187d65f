// Access tokens end to end: the program as it is run, before a certified provider.
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Configuration } from 'oidc-provider'
import { waitFor } from '../demo-process.ts'
import { type GatewayLife, startLife } from '../faults/scratch-gateway.ts'
import { run } from '../run-cli.ts'
import { type OpenProvider, startProvider } from './oidc-provider.ts'

const SIGNED = 'https://api.example'
const OPAQUE = 'https://opaque.example'
const SECRET = 'a client secret of thirty-two bytes'
const REFRESH_MS = 1000
const CACHE_MS = 1000
const first = signingKey('first')
const second = signingKey('second')
let directory: string
let config: string
let provider: OpenProvider
let gateway: GatewayLife | undefined
let url: string

type Jwk = NonNullable<Configuration['jwks']>['keys'][number]

function signingKey(kid: string): Jwk {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const jwk = privateKey.export({ format: 'jwk' })
  return { ...jwk, kid, alg: 'ES256', use: 'sig' } as unknown as Jwk
}

/** Machines that ask for tokens of their own; the first key signs. */
function signingWith(...keys: readonly Jwk[]): () => Configuration {
  return () => ({
    jwks: { keys: [...keys] },
    clients: ['robot', 'gateway'].map((client_id) => ({
      client_id,
      client_secret: SECRET,
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: [],
      id_token_signed_response_alg: 'ES256',
    })),
    scopes: ['read', 'write'],
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      introspection: { enabled: true },
      revocation: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_, resource) => ({
          scope: 'read write',
          audience: resource,
          accessTokenTTL: 600,
          ...(resource === SIGNED
            ? { accessTokenFormat: 'jwt', jwt: { sign: { alg: 'ES256' } } }
            : { accessTokenFormat: 'opaque' }),
        }),
      },
    },
  })
}

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'countersign-tokens-'))
  config = join(directory, 'countersign.yaml')
  provider = await startProvider(signingWith(first))
  const upstream = createServer((request, response) => {
    response.end(`hello ${String(request.headers['countersign-principal'])}`)
  })
  // A kept connection is not closed in the moment in which it is used again.
  upstream.keepAliveTimeout = 0
  upstream.listen(0, '127.0.0.1')
  await once(upstream, 'listening')
  upstream.unref()
  await layOut((upstream.address() as AddressInfo).port)
  gateway = await startLife(config)
  url = gateway.url
})

after(async () => {
  await gateway?.stop('SIGTERM')
  await provider.close()
  await rm(directory, { recursive: true })
})

async function layOut(upstreamPort: number): Promise<void> {
  await mkdir(join(directory, 'policies'))
  await writeFile(join(directory, 'secret'), `${SECRET}\n`)
  await writeFile(join(directory, 'policies/all.cedar'), 'permit (principal, action, resource);')
  await writeFile(join(directory, 'api-keys.yaml'), '')
  await writeFile(
    config,
    `version: 1
origin: countersign.test
data: data
log: { level: silent }
listeners: [{ name: main, host: 127.0.0.1, port: 0 }]
admin: { host: 127.0.0.1, port: 0 }
limits: { loopLagMs: 60000, ledgerLagMs: 600000 }
identity:
  keysFile: api-keys.yaml
  revocationsFile: revoked.yaml
  issuers:
    - name: id
      issuer: ${provider.issuer}
      allowLoopbackHttp: true
      audiences: [${SIGNED}]
      clients: [robot]
      refreshEveryMs: ${REFRESH_MS}
      refreshCooldownMs: ${REFRESH_MS}
    - name: nobody
      issuer: http://127.0.0.1:1
      allowLoopbackHttp: true
      audiences: [${SIGNED}]
  introspection:
    - name: opaque
      issuer: ${provider.issuer}
      allowLoopbackHttp: true
      endpoint: ${provider.issuer}/token/introspection
      clientId: gateway
      clientSecret: { file: secret }
      audiences: [${OPAQUE}]
      cacheMs: ${CACHE_MS}
policies: { directory: policies }
upstreams: { app: { url: "http://127.0.0.1:${upstreamPort}" } }
routes:
  - { name: app, path: /, upstream: app }
  - { name: write, path: /write, upstream: app, scopes: [write] }
`,
  )
}

async function post(path: string, form: Record<string, string>): Promise<Response> {
  const basic = Buffer.from(`robot:${encodeURIComponent(SECRET)}`).toString('base64')
  return fetch(`${provider.issuer}${path}`, {
    method: 'POST',
    headers: { authorization: `Basic ${basic}` },
    body: new URLSearchParams(form),
  })
}

async function newToken(resource: string, scope = 'read'): Promise<string> {
  const answer = await post('/token', { grant_type: 'client_credentials', resource, scope })
  const said = (await answer.json()) as { access_token?: string }
  return said.access_token ?? assert.fail(JSON.stringify(said))
}

async function ask(token: string, path = '/orders'): Promise<Response> {
  return fetch(`${url}${path}`, { headers: { authorization: `Bearer ${token}` } })
}

function jtiOf(token: string): string {
  const claims: unknown = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())
  return (claims as { jti: string }).jti
}

/** A record as `show` tells it, once it is published. */
async function shownRecord(index: number): Promise<string> {
  let shown = ''
  await waitFor(
    async () => {
      const { exit, out } = await run([
        'show',
        `${index}`,
        '--data',
        join(directory, 'data'),
        '--json',
      ])
      if (exit === 0) shown = out
      return exit === 0
    },
    undefined,
    () => `record ${index} is not shown`,
  )
  return shown
}

function indexOf(answer: Response): number {
  return Number(/index=(\d+)/.exec(answer.headers.get('countersign-receipt') ?? '')?.[1])
}

test('a JWT access token for client credentials is a service, on record by its id', async () => {
  const token = await newToken(SIGNED)
  const answer = await ask(token)
  assert.equal(answer.status, 200)
  assert.equal(await answer.text(), 'hello id%3Arobot')
  const text = await shownRecord(indexOf(answer) - 1)
  assert.match(text, /"kind":"service"/)
  assert.ok(text.includes(`"id":"${jtiOf(token)}"`))
  for (const part of token.split('.')) assert.ok(!text.includes(part))
})

test('a scope that the route asks for is asked of the provider', async () => {
  assert.equal((await ask(await newToken(SIGNED), '/write')).status, 403)
  assert.equal((await ask(await newToken(SIGNED, 'read write'), '/write')).status, 200)
})

test('a token for another resource is none for this gateway', async () => {
  assert.equal((await ask(await newToken(OPAQUE, 'read'))).status, 200)
  const forged = `${(await newToken(SIGNED)).slice(0, -4)}AAAA`
  assert.equal((await ask(forged)).status, 401)
})

test('an opaque token is introspected, and refused soon after it is revoked', async () => {
  const token = await newToken(OPAQUE)
  const answer = await ask(token)
  assert.equal(await answer.text(), 'hello opaque%3Arobot')
  await post('/token/revocation', { token })
  await sleep(CACHE_MS)
  assert.equal((await ask(token)).status, 401)
  assert.equal((await ask('made-up')).status, 401)
})

test('a token that is revoked here is refused within seconds, and it is on record', async () => {
  const token = await newToken(SIGNED)
  assert.equal((await ask(token)).status, 200)
  const args = ['--config', config, '--issuer', 'id', '--jti', jtiOf(token)]
  const { exit, err } = await run(['tokens', 'revoke', ...args])
  assert.equal(exit, 0, err)
  await until(401, token)
  const last = await laterIndex(token)
  const found = await Promise.all(Array.from({ length: 4 }, (_, back) => shownRecord(last - back)))
  assert.ok(
    found.some((text) => text.includes('"use":"token"') && text.includes(jtiOf(token))),
    'a key record',
  )
  assert.equal((await ask(await newToken(SIGNED))).status, 200)
})

async function until(status: number, token: string): Promise<Response> {
  let answer = await ask(token)
  const isThere = async (): Promise<boolean> => {
    if (answer.status !== status) answer = await ask(token)
    return answer.status === status
  }
  await waitFor(isThere, undefined, () => `${answer.status} instead of ${status}`)
  return answer
}

/** The index of a record that comes after those of every change so far. */
async function laterIndex(token: string): Promise<number> {
  await sleep(300)
  return indexOf(await ask(token))
}

async function keys(...args: readonly string[]): Promise<{ token: string; prefix: string }> {
  const { exit, out, err } = await run(['keys', ...args, '--config', config])
  assert.equal(exit, 0, err)
  return out === '' ? { token: '', prefix: '' } : (JSON.parse(out) as never)
}

test('an API key that rotates, ends and is revoked: each change is on record', async () => {
  const first = await keys('create', '--principal', 'cyd', '--scope', 'write', '--json')
  const from = indexOf(await until(200, first.token))
  assert.equal((await ask(first.token, '/write')).status, 200)
  const next = await keys('rotate', first.prefix, '--overlap', '1', '--json')
  await until(200, next.token)
  assert.equal((await ask(first.token)).status, 200, 'both are good')
  await keys('expire', first.prefix)
  await until(401, first.token)
  await keys('revoke', next.prefix)
  await until(401, next.token)
  const to = await laterIndex(next.token)
  const acts: string[] = []
  for (let index = from - 3; index <= to; index += 1) {
    const [, act, prefix] =
      /"act":"(\w+)","use":"api","key":"(\w+)"/.exec(await shownRecord(index)) ?? []
    if (prefix !== undefined) acts.push(`${act} ${prefix === first.prefix ? 'first' : 'next'}`)
  }
  const changes = [
    'created first',
    'expired first',
    'rotated next',
    'expired first',
    'revoked next',
  ]
  assert.deepEqual(acts, changes)
})

test('an issuer that was never there: 503 for its tokens, and nothing else suffers', async () => {
  const claims = Buffer.from(
    JSON.stringify({
      iss: 'http://127.0.0.1:1',
      aud: SIGNED,
      sub: 'a',
      client_id: 'a',
      jti: 'a',
      iat: Math.floor(Date.now() / 1000),
      exp: Math.floor(Date.now() / 1000) + 60,
    }),
  ).toString('base64url')
  const header = Buffer.from('{"alg":"ES256","typ":"at+jwt","kid":"k"}').toString('base64url')
  const answer = await ask(`${header}.${claims}.${'A'.repeat(86)}`)
  assert.equal(answer.status, 503)
  assert.equal(answer.headers.get('retry-after'), '5')
})

test('keys rotate under load: no request is lost', async () => {
  const statuses = new Map<number, number>()
  let isOver = false
  const load = Array.from({ length: 8 }, async () => {
    while (!isOver) {
      const token = await newToken(SIGNED)
      for (let nth = 0; nth < 10 && !isOver; nth += 1) {
        const { status } = await ask(token)
        statuses.set(status, (statuses.get(status) ?? 0) + 1)
      }
    }
  })
  const old = await newToken(SIGNED)
  await sleep(500)
  provider.become(signingWith(second, first))
  await sleep(2 * REFRESH_MS)
  provider.become(signingWith(first, second))
  await sleep(2 * REFRESH_MS)
  provider.become(signingWith(second, first))
  await sleep(2 * REFRESH_MS)
  assert.equal((await ask(old)).status, 200)
  await waitFor(() => (statuses.get(200) ?? 0) > 100)
  isOver = true
  await Promise.all(load)
  assert.deepEqual([...statuses.keys()], [200], JSON.stringify([...statuses]))
  provider.become(signingWith(second))
  // What a removed key signed is refused, as soon as the keys are asked for again.
  await until(401, old)
  assert.equal((await ask(await newToken(SIGNED))).status, 200)
})

test('what is changed while no gateway runs is on record at the next start', async () => {
  const kept = await keys('create', '--principal', 'dov', '--json')
  await until(200, kept.token)
  await gateway?.stop('SIGTERM')
  await keys('revoke', kept.prefix)
  const args = ['--config', config, '--issuer', 'id', '--jti', 'offline']
  assert.equal((await run(['tokens', 'revoke', ...args])).exit, 0)
  gateway = await startLife(config)
  url = gateway.url
  await until(401, kept.token)
  const last = await laterIndex(kept.token)
  const texts = await Promise.all(Array.from({ length: 9 }, (_, back) => shownRecord(last - back)))
  const has = (...parts: readonly string[]): boolean =>
    texts.some((text) => parts.every((part) => text.includes(part)))
  assert.ok(has('"act":"revoked"', '"use":"api"', kept.prefix), 'the key')
  assert.ok(has('"act":"revoked"', '"use":"token"', '"offline"'), 'the token')
  await until(200, await newToken(SIGNED))
})

test('a provider that is gone: its last keys are believed, nothing is introspected', async () => {
  const [signed, opaque] = [await newToken(SIGNED), await newToken(OPAQUE)]
  await provider.close()
  assert.equal((await ask(signed)).status, 200)
  assert.equal((await ask(opaque)).status, 503)
})
