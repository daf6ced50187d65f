// Tokens at the gateway: what it answers, what it writes down, and what becomes of what goes on.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import {
  identityConfigSchema,
  issuerKeys,
  jwtAuthenticator,
  type Revocation,
  RevocationList,
  senderConstraints,
  VerifiedTokens,
} from '../../packages/gateway/src/identity/index.ts'
import { MemoryStore, quotaTime } from '../../packages/gateway/src/limits/index.ts'
import { systemClock } from '../../packages/gateway/src/platform/index.ts'
import { waitFor } from '../demo-process.ts'
import { type RecordView, startGateway, type TestGateway } from '../proxy/gateway.ts'
import { startUpstream, type UpstreamProcess } from '../proxy/upstream.ts'
import { timely } from '../timely.ts'
import { type Claims, ecKey, published, signToken } from './issuer.ts'

const ISSUER = 'https://id.example'
const AUDIENCE = 'https://api.example'
const key = ecKey('one')
let revoked = new RevocationList([])
let upstream: UpstreamProcess
let gateway: TestGateway

before(async () => {
  upstream = await startUpstream()
  const { issuers } = identityConfigSchema.parse({
    keysFile: 'keys.yaml',
    issuers: [
      {
        name: 'id',
        issuer: ISSUER,
        audiences: [AUDIENCE],
        jwksFile: 'jwks.json',
        principalPrefix: '',
        map: {
          roles: [{ claim: '/access/roles', values: { 'app:clerk': 'clerk' } }],
          groups: [{ claim: 'groups' }, { claim: 'scope', values: { admin: 'admins' } }],
          claims: { department: 'https://id.example/department' },
        },
      },
    ],
  })
  const clock = systemClock()
  const jwks = new TextEncoder().encode(JSON.stringify({ keys: [published(key)] }))
  const http = { request: () => assert.fail('nobody is asked') }
  const jwts = issuers.map((config) =>
    jwtAuthenticator(config, {
      keys: issuerKeys(config, { http, clock, jwks, onReport: () => undefined }),
      check: {
        binding: senderConstraints({}),
        revocations: { isRevoked: (token) => revoked.isRevoked(token) },
      },
      tokens: new VerifiedTokens(100),
      clockSkewMs: 0,
    }),
  )
  gateway = await startGateway({
    upstream: upstream.url,
    authenticators: jwts,
    limits: { exchangeMs: 20_000 },
    quotas: { few: { key: 'api-key', limit: 2, window: '1h' } },
    quotaStore: new MemoryStore({ nowUs: quotaTime(clock) }),
    routes: [
      { name: 'all', path: '/', upstream: 'upstream' },
      { name: 'open', path: '/open', upstream: 'upstream', authenticate: 'optional' },
      { name: 'scoped', path: '/scoped', upstream: 'upstream', scopes: ['read'] },
      { name: 'few', path: '/few', upstream: 'upstream', quotas: ['few'] },
      { name: 'keys-only', path: '/keys-only', upstream: 'upstream', authenticators: ['keys'] },
    ],
  })
})
after(async () => {
  await gateway.close()
  await upstream.close()
})

let tokens = 0
function token(more: Claims = {}): string {
  tokens += 1
  const now = Math.floor(Date.now() / 1000)
  const claims = {
    iss: ISSUER,
    aud: AUDIENCE,
    sub: 'ada',
    client_id: 'app',
    jti: `t${tokens}`,
    iat: now,
    exp: now + 600,
    ...more,
  }
  return signToken({ alg: 'ES256', typ: 'at+jwt', kid: 'one' }, claims, key)
}

function ask(path: string, bearer?: string, init: RequestInit = {}): Promise<Response> {
  const headers = bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }
  return fetch(`http://127.0.0.1:${gateway.port}${path}`, { ...init, headers })
}

async function recordOf(answer: Response, kind: string): Promise<RecordView> {
  const id = answer.headers.get('x-request-id')
  let found: RecordView | undefined
  await waitFor(
    async () => {
      const records = await gateway.exchanges()
      found = records.find((each) => each.kind === kind && each.when.exchange === id)
      return found !== undefined
    },
    undefined,
    () => kind,
  )
  return found ?? assert.fail(`no ${kind}`)
}

test('a token is served, and its record says whose it is by what, and holds no token', async () => {
  const shown = token({
    scope: 'read admin',
    groups: ['staff'],
    access: { roles: ['app:clerk', 'other:root'] },
    'https://id.example/department': 'sales',
    jti: 'known',
  })
  const answer = await ask('/orders', shown)
  assert.equal(answer.status, 200)
  const { who, text } = await recordOf(answer, 'intent')
  assert.deepEqual(who.principal, { id: 'ada', kind: 'user', issuer: ISSUER })
  assert.equal(who.credential?.method, 'jwt')
  assert.equal(who.credential?.id, 'known')
  assert.match(who.credential?.sha256 ?? '', /^[0-9a-f]{64}$/)
  assert.deepEqual(who.facts, {
    groups: ['staff', 'admins'],
    roles: ['clerk'],
    scopes: ['read', 'admin'],
    claims: { department: ['sales'] },
  })
  for (const part of shown.split('.')) assert.ok(!text.includes(part), 'no part of the token')
})

test('J48 a token that is refused: 401, which rule, and the same on record', async () => {
  const answer = await ask('/orders', token({ aud: 'x' }))
  assert.equal(answer.status, 401)
  assert.match(answer.headers.get('www-authenticate') ?? '', /^Bearer .*error="invalid_token"/)
  const { who, why } = await recordOf(answer, 'refusal')
  assert.equal(who, undefined, 'a claim that failed says nothing about anybody')
  assert.deepEqual([why.reason, why.facts], ['credentials-invalid', { fault: 'audience' }])
})

for (const [name, scope, status] of [
  ['the scope', 'read', 200],
  ['the scope beside others', 'write read', 200],
  ['no scope', undefined, 403],
  ['one that begins like it', 'readwrite', 403],
  ['one that goes on from it', 'read-only', 403],
  ['another case', 'Read', 403],
] as const) {
  test(`J49 ${name}, where read is asked for: ${status}`, async () => {
    const answer = await ask('/scoped', token(scope === undefined ? {} : { scope }))
    assert.equal(answer.status, status)
    if (status === 200) return
    const challenge = answer.headers.get('www-authenticate')
    assert.equal(challenge, 'Bearer realm="countersign", error="insufficient_scope", scope="read"')
    assert.equal((await recordOf(answer, 'refusal')).why.reason, 'insufficient-scope')
  })
}

test('J44 a token in the query is no credential, and is not written down', async () => {
  const shown = token()
  const answer = await ask(`/orders?access_token=${shown}&page=2`)
  assert.equal(answer.status, 401)
  assert.equal(answer.headers.get('www-authenticate'), 'Bearer realm="countersign"')
  const { what, why, text } = await recordOf(answer, 'refusal')
  assert.equal(why.reason, 'credentials-missing')
  assert.equal(what.query, 'access_token=[redacted]&page=2')
  for (const part of shown.split('.')) assert.ok(!text.includes(part))
})

test('J44 a token in a form is no credential', async () => {
  const body = new URLSearchParams({ access_token: token() })
  const answer = await ask('/orders', undefined, { method: 'POST', body })
  assert.equal(answer.status, 401)
})

test('a wrong token is refused even where none is needed', async () => {
  assert.equal((await ask('/open')).status, 200)
  assert.equal((await ask('/open', token({ exp: 1 }))).status, 401)
})

test('a route that names its authenticators takes no other', async () => {
  assert.equal((await ask('/keys-only', token())).status, 401)
  assert.equal((await ask('/keys-only', gateway.keys.ada)).status, 200)
})

test('where keys are counted, tokens count for their holder, whatever their jti', async () => {
  const prefix = gateway.keys.ada.split('_')[1]
  const answers: number[] = []
  for (const jti of [prefix, 'second', 'third']) {
    answers.push((await ask('/few', token({ sub: 'grace', jti }))).status)
  }
  assert.equal(answers[2], 429)
  assert.ok(!answers.slice(0, 2).includes(429))
  assert.equal((await ask('/few', gateway.keys.ada)).status, 200, 'nothing of the key was used')
})

for (const [tenant, status] of [
  [9_007_199_254_740_991, 200],
  ['9007199254740993', 200],
  [2 ** 53, 401],
  [-(2 ** 60), 401],
  [[7, 1e300], 401],
] as const) {
  test(`a claim of ${JSON.stringify(tenant)}: ${status}`, async () => {
    const answer = await ask('/orders', token({ 'https://id.example/department': tenant }))
    assert.equal(answer.status, status)
    if (status === 401) return
    const { who } = await recordOf(answer, 'intent')
    assert.deepEqual(who.facts?.claims, { department: [String(tenant)] })
  })
}

/** Reads until the body ends or breaks; how long that took. */
async function readOut(answer: Response): Promise<{ readonly isWhole: boolean; ms: number }> {
  const startMs = performance.now()
  try {
    for await (const _ of answer.body ?? []) assert.ok(true)
    return { isWhole: true, ms: performance.now() - startMs }
  } catch {
    return { isWhole: false, ms: performance.now() - startMs }
  }
}

test('J52 what goes on is cut when its token expires', () =>
  timely(4500, async () => {
    const now = Math.floor(Date.now() / 1000)
    const answer = await ask('/events/1000/0/100', token({ iat: now, exp: now + 3 }))
    assert.equal(answer.status, 200)
    const { isWhole, ms } = await readOut(answer)
    assert.equal(isWhole, false)
    assert.equal((await recordOf(answer, 'outcome')).how.error, 'credentials-expired')
    return ms
  }))

test('J53 what goes on is cut when its token is revoked', async () => {
  const answer = await ask('/events/1000/0/100', token({ jti: 'stolen' }))
  const other = await ask('/events/1000/0/100', token())
  assert.equal(answer.status, 200)
  const reading = readOut(answer)
  const entry: Revocation = { id: 'rv_abcdefgh', issuer: ISSUER, jti: 'stolen' }
  revoked = new RevocationList([entry])
  const { isWhole, ms } = await reading
  assert.equal(isWhole, false)
  // All of it would be a hundred seconds.
  assert.ok(ms < 20_000, `${ms} ms`)
  assert.equal((await recordOf(answer, 'outcome')).how.error, 'credentials-revoked')
  const again = await ask('/orders', token({ jti: 'stolen' }))
  assert.equal((await recordOf(again, 'refusal')).why.reason, 'credentials-revoked')
  const reader = other.body?.getReader()
  assert.equal((await reader?.read())?.done, false, 'nobody else is touched')
  await reader?.cancel()
})
