// Keys that an issuer publishes: how they come, how they go, and what holds while it is silent.
import assert from 'node:assert/strict'
import { afterEach, beforeEach, test } from 'node:test'
import { type Asking, openAsking } from './asking.ts'
import {
  ecKey,
  published,
  type SigningKey,
  signToken,
  startIssuer,
  type TestIssuer,
} from './issuer.ts'

const AUDIENCE = 'https://api.example'
const COOLDOWN_MS = 30_000
const first = ecKey('first')
const second = ecKey('second')
let issuer: TestIssuer
let asking: Asking

beforeEach(async () => {
  issuer = await startIssuer([published(first)])
  asking = await open()
})
afterEach(async () => {
  await asking.close()
  await issuer.close()
})

function open(more: object = {}): Promise<Asking> {
  const at = { audiences: [AUDIENCE], allowLoopbackHttp: true }
  return openAsking([{ ...at, name: 'a', issuer: issuer.url, fetchMs: 300, ...more }])
}

let tokens = 0
function bearer(key: SigningKey): string {
  tokens += 1
  const now = Math.floor(asking.clock.nowUs() / 1_000_000)
  const claims = {
    iss: issuer.url,
    aud: AUDIENCE,
    sub: 'ada',
    client_id: 'app',
    jti: `t${tokens}`,
    iat: now,
    exp: now + 3600,
  }
  return `Bearer ${signToken({ alg: 'ES256', typ: 'at+jwt', kid: key.jwk.kid }, claims, key)}`
}

test('J43 a new key is known at its first token, at the price of one request', async () => {
  assert.equal(await asking.outcome(bearer(first)), 'a:ada')
  issuer.publish([published(second), published(first)])
  const asked = issuer.requests.length
  asking.clock.moveMs(COOLDOWN_MS)
  const all = await Promise.all(Array.from({ length: 20 }, () => asking.outcome(bearer(second))))
  assert.deepEqual([...new Set(all)], ['a:ada'])
  assert.equal(issuer.requests.length, asked + 1)
})

test('J43 a key that was removed is refused, with every token that it signed', async () => {
  const token = bearer(first)
  assert.equal(await asking.outcome(token), 'a:ada')
  issuer.publish([published(second)])
  asking.clock.moveMs(COOLDOWN_MS)
  assert.equal(await asking.outcome(bearer(second)), 'a:ada')
  assert.equal(await asking.outcome(token), 'key-unknown')
})

test('J42 the last good set is believed for a while, and then none', async () => {
  const token = bearer(first)
  assert.equal(await asking.outcome(token), 'a:ada')
  issuer.misbehave((_, response) => response.writeHead(500).end())
  asking.clock.moveMs(6 * 3_600_000 - 1000)
  assert.equal(await asking.outcome(bearer(first)), 'a:ada')
  asking.clock.moveMs(2000)
  assert.equal(await asking.outcome(bearer(first)), 'credentials-unverifiable')
  asking.clock.moveMs(-6 * 3_600_000)
})

test('what was remembered is forgotten with the keys that it was verified by', async () => {
  const token = bearer(first)
  assert.equal(await asking.outcome(token), 'a:ada')
  await asking.close()
  asking = await open({ staleMs: 1000 })
  assert.equal(await asking.outcome(token), 'a:ada')
  assert.ok(asking.askAtOnce(token)?.known)
  issuer.misbehave((_, response) => response.writeHead(500).end())
  asking.clock.moveMs(COOLDOWN_MS)
  assert.equal(await asking.outcome(token), 'credentials-unverifiable')
})

test('an issuer that never answered is asked once in a cool-down', async () => {
  issuer.misbehave((request) => void request.socket.destroy())
  for (let at = 0; at < 5; at += 1) {
    assert.equal(await asking.outcome(bearer(first)), 'credentials-unverifiable')
  }
  assert.equal(issuer.requests.length, 1)
  issuer.misbehave(undefined)
  asking.clock.moveMs(COOLDOWN_MS)
  assert.equal(await asking.outcome(bearer(first)), 'a:ada')
})

const many = Array.from({ length: 101 }, () => published(first))

for (const [name, answer] of [
  ['a redirect to http', redirect('http://192.0.2.1/jwks')],
  ['a redirect to this machine', redirect('http://127.0.0.1:1/jwks')],
  ['a redirect to a metadata service', redirect('http://169.254.169.254/latest')],
  [
    'more than a megabyte',
    (response: Answer) => response.end(`{"keys":["${'x'.repeat(1_100_000)}"]}`),
  ],
  ['more than a hundred keys', (response: Answer) => response.end(JSON.stringify({ keys: many }))],
  ['nothing at all, for too long', () => undefined],
  ['a part, and then nothing', (response: Answer) => response.write('{"keys":')],
  ['no JSON', (response: Answer) => response.end('<html>')],
  ['a set with a member twice', (response: Answer) => response.end('{"keys":[],"keys":[]}')],
] as const) {
  test(`J42 ${name} is no key set: what was known stays`, async () => {
    assert.equal(await asking.outcome(bearer(first)), 'a:ada')
    issuer.misbehave((_, response) => void answer(response))
    asking.clock.moveMs(COOLDOWN_MS)
    assert.equal(await asking.outcome(bearer(second)), 'key-unknown')
    assert.equal(asking.reports.at(-1)?.kind, 'failed')
    assert.equal(await asking.outcome(bearer(first)), 'a:ada')
  })
}

type Answer = Parameters<Parameters<TestIssuer['misbehave']>[0] & object>[1]

function redirect(location: string): (response: Answer) => void {
  return (response) => void response.writeHead(302, { location }).end()
}

for (const [name, metadata] of [
  ['O08 of another issuer', { issuer: 'https://evil.example', jwks_uri: 'URL/jwks' }],
  ['O08 of the issuer with a slash more', { issuer: 'URL/', jwks_uri: 'URL/jwks' }],
  ['that names keys behind plain http', { issuer: 'URL', jwks_uri: 'http://192.0.2.1/jwks' }],
  ['that names a file', { issuer: 'URL', jwks_uri: 'file:///etc/passwd' }],
  ['that names no keys', { issuer: 'URL' }],
] as const) {
  test(`metadata ${name} is not believed`, async () => {
    const text = JSON.stringify(metadata).replaceAll('URL', issuer.url)
    issuer.misbehave((_, response) => void response.end(text))
    assert.equal(await asking.outcome(bearer(first)), 'credentials-unverifiable')
    assert.equal(issuer.requests.length, 1)
  })
}

for (const [name, config] of [
  ['an issuer on plain http', { issuer: 'http://id.example' }],
  ['keys behind plain http', { jwksUrl: 'http://id.example/jwks' }],
  ['HS256 without a secret', { algorithms: ['HS256'] }],
  ['HS256 beside ES256', { algorithms: ['HS256', 'ES256'], secret: { env: 'X' } }],
  ['an algorithm called none', { algorithms: ['none'] }],
  ['two places for its keys', { jwksUrl: 'https://id.example/jwks', jwksFile: 'jwks.json' }],
  ['no audience', { audiences: [] }],
  ['the name of the keys file', { name: 'keys' }],
] as const) {
  test(`does not load: ${name}`, async () => {
    const base = { name: 'x', issuer: 'https://id.example', audiences: ['a'] }
    await assert.rejects(openAsking([{ ...base, ...config }]))
  })
}
