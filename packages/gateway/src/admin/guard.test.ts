import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { test } from 'node:test'
import type { AdminFacts } from '@countersign/evidence'
import { z } from 'zod'
import {
  Authenticators,
  apiKeys,
  createKey,
  type Known,
  type Presented,
  parseKeysFile,
} from '../identity/index.ts'
import { nodeDisk, SimulatedClock, systemClock, systemRandom } from '../platform/index.ts'
import { type AdminApp, adminApp } from './app.ts'
import { adminConfigSchema } from './config.ts'
import { answer } from './problem.ts'
import { readJson } from './read-json.ts'
import type { AdminParts, Route } from './route.ts'
import { standingParts } from './testing.ts'

const making = { clock: systemClock(), random: systemRandom() }
const ops = createKey('', { principal: 'ops', roles: ['sre'] }, making)
const eve = createKey(ops.text, { principal: 'eve' }, making)
const amy = createKey(eve.text, { principal: 'amy', groups: ['four-eyes'] }, making)
const old = createKey(amy.text, { principal: 'ops', expires: '2020-01-01T00:00:00Z' }, making)
const authenticators = new Authenticators([apiKeys(() => parseKeysFile(old.text))])

const { roles } = adminConfigSchema.parse({
  roles: {
    viewer: [{ principal: 'vic' }],
    operator: [{ role: 'sre' }, { principal: 'eve', issuer: 'https://elsewhere.example' }],
    approver: [{ group: 'four-eyes' }],
  },
})

const TABLE: readonly Route[] = [
  guarded('GET', '/look', 'viewer'),
  guarded('POST', '/act', 'operator'),
  guarded('POST', '/grant', 'approver'),
  guarded('GET', '/me', 'known'),
  {
    method: 'POST',
    path: '/body',
    permission: 'operator',
    operation: 'body',
    handle: async (request) => {
      const { name } = await readJson(request, z.strictObject({ name: z.string() }))
      return { response: answer({ name }), target: name }
    },
  },
  {
    method: 'POST',
    path: '/contain',
    permission: 'operator',
    operation: 'contain',
    handle: () => ({ response: answer({ contained: true }), isRecorded: true }),
  },
  {
    method: 'POST',
    path: '/break',
    permission: 'operator',
    operation: 'break',
    handle: () => Promise.reject(new Error('EIO')),
  },
]

function guarded(
  method: 'GET' | 'POST',
  path: string,
  permission: 'known' | 'viewer' | 'operator' | 'approver',
): Route {
  const operation = path.slice(1)
  return { method, path, permission, operation, handle: () => ({ response: answer({ ok: true }) }) }
}

interface Control {
  readonly ask: (path: string, init?: RequestInit, address?: string) => Promise<Response>
  readonly acts: { readonly facts: AdminFacts; readonly who: string | undefined }[]
  readonly failures: Error[]
  readonly clock: SimulatedClock
  full: boolean
  barred: boolean
  revoked: boolean
  /** How far it is from the right time. */
  aheadUs: number
  signed: Known['bodyDigest']
  /** Where it is reached, where the configuration says so. */
  origin: string | undefined
  /** What was shown last. */
  shown: Presented | undefined
}

const standing = await standingParts()

function control(): Control {
  const clock = new SimulatedClock()
  const state: Control = {
    acts: [],
    failures: [],
    clock,
    full: false,
    barred: false,
    revoked: false,
    aheadUs: 0,
    signed: undefined,
    origin: undefined,
    shown: undefined,
    ask: async (path, init = {}, address = '192.0.2.1') =>
      app(new Request(`http://localhost:9080${path}`, init), { address }),
  }
  const parts: AdminParts = {
    ...standing,
    disk: nodeDisk(),
    logDirectory: '/nowhere',
    published: () => undefined,
    state: () => 'open',
    answerWellKnown: async () => new Response(),
    consolePage: '',
    metrics: () => assert.fail(),
    upstreams: () => [],
    isConfigured: () => false,
    volume: () => ({ level: 'ample' as const, freeBytes: 0 }),
    configuring: { reload: () => assert.fail(), inForce: () => assert.fail() },
    guard: {
      clock: {
        ...systemClock(),
        nowUs: () => systemClock().nowUs() + state.aheadUs,
        ticksMs: () => clock.ticksMs(),
      },
      roles: () => roles,
      externalOrigin: () => state.origin,
      identify: async (presented) => {
        state.shown = presented
        const found = await authenticators.chain().identify(presented)
        const isStillGood = (): boolean => !state.revoked
        const untilUs = presented.atUs + 60e6
        return found.known ? { ...found, bodyDigest: state.signed, isStillGood, untilUs } : found
      },
      barred: () => (state.barred ? 'role-missing' : undefined),
      recorder: {
        actant: ({ issuer, id }) => ({ subject: `${issuer}:${id}` }),
        act: async (_kind, facts, about) => {
          if (state.full) throw new Error('LEDGER_FULL')
          state.acts.push({ facts: facts as AdminFacts, who: about?.who?.subject })
          return { epoch: 1, index: 0 as never, leaf: new Uint8Array() }
        },
      },
    },
  }
  const app: AdminApp = adminApp(parts, (error) => state.failures.push(error), TABLE)
  return state
}

function bearer(token: string, more: Record<string, string> = {}): RequestInit {
  return { headers: { authorization: `Bearer ${token}`, ...more } }
}

for (const [who, method, path, token, status] of [
  ['an operator may look', 'GET', '/look', ops.token, 200],
  ['an operator may act', 'POST', '/act', ops.token, 200],
  ['an operator is no approver', 'POST', '/grant', ops.token, 403],
  ['an approver may look', 'GET', '/look', amy.token, 200],
  ['an approver may grant', 'POST', '/grant', amy.token, 200],
  ['an approver is no operator', 'POST', '/act', amy.token, 403],
  [
    'somebody with a name that another issuer’s operator has may not act',
    'POST',
    '/act',
    eve.token,
    403,
  ],
  ['somebody without a role may not look', 'GET', '/look', eve.token, 403],
  ['somebody without a role is known', 'GET', '/me', eve.token, 200],
  ['an expired key is refused', 'POST', '/act', old.token, 401],
  ['an unknown key is refused', 'POST', '/act', ops.token.slice(0, -4).concat('AAAA'), 401],
  ['nobody is refused', 'GET', '/me', undefined, 401],
] as const) {
  test(`${who}: ${status}, on record`, async () => {
    const { ask, acts } = control()
    const init = token === undefined ? {} : bearer(token)
    const response = await ask(path, { method, ...init })
    assert.equal(response.status, status, await response.text())
    assert.equal(acts.length, 1)
    assert.equal(acts[0]?.facts.operation, path.slice(1))
    assert.equal(acts[0]?.facts.from, '192.0.2.1')
    assert.equal(acts[0]?.facts.result, status === 200 ? 'done' : 'refused')
    assert.equal(acts[0]?.who === undefined, status === 401)
    if (status === 401) assert.match(response.headers.get('www-authenticate') ?? '', /Bearer/)
  })
}

for (const [name, headers] of [
  ['a page of another site', { origin: 'https://evil.example' }],
  ['a page without an origin', { origin: 'null' }],
  ['what a browser calls cross-site', { 'sec-fetch-site': 'cross-site' }],
  [
    'what a browser calls same-site: another port is another page',
    { 'sec-fetch-site': 'same-site' },
  ],
] as const) {
  test(`${name} is refused, whatever it carries`, async () => {
    const { ask, acts } = control()
    const response = await ask('/act', { method: 'POST', ...bearer(ops.token, headers) })
    assert.equal(response.status, 403)
    assert.equal(((await response.json()) as { reason: string }).reason, 'cross-origin')
    assert.equal(acts[0]?.facts.result, 'refused')
  })
}

test('the gateway’s own page may ask, and a cookie is nothing', async () => {
  const { ask } = control()
  const own = { origin: 'http://localhost:9080', 'sec-fetch-site': 'same-origin' }
  assert.equal((await ask('/act', { method: 'POST', ...bearer(ops.token, own) })).status, 200)
  const cookie = { headers: { cookie: `authorization=Bearer ${ops.token}` } }
  assert.equal((await ask('/act', { method: 'POST', ...cookie })).status, 401)
})

test('what cannot be written down is not answered', async () => {
  const state = control()
  state.full = true
  for (const init of [bearer(ops.token), bearer(eve.token), {}]) {
    const response = await state.ask('/act', { method: 'POST', ...init })
    assert.equal(response.status, 503)
    assert.doesNotMatch(await response.text(), /"ok"|role-/)
  }
})

test('what records itself is answered with a full ledger, to who may do it', async () => {
  const state = control()
  state.full = true
  assert.equal((await state.ask('/contain', { method: 'POST', ...bearer(ops.token) })).status, 200)
  assert.equal((await state.ask('/contain', { method: 'POST', ...bearer(eve.token) })).status, 503)
})

test('what is signed for the control plane names where it is, whatever Host says', async () => {
  const state = control()
  await state.ask('/look?a=1', bearer(ops.token))
  assert.equal(state.shown?.url, 'http://localhost:9080/look?a=1')
  state.origin = 'https://admin.example'
  await state.ask('/look?a=1', bearer(ops.token))
  assert.equal(state.shown?.url, 'https://admin.example/look?a=1')
})

test('whether a body comes is known before it does', async () => {
  const state = control()
  await state.ask('/act', { method: 'POST', ...bearer(ops.token) })
  assert.equal(state.shown?.hasBody, false)
  await state.ask('/act', { method: 'POST', body: 'x', ...bearer(ops.token) })
  assert.equal(state.shown?.hasBody, true)
})

test('somebody who is shut out may do nothing', async () => {
  const state = control()
  state.barred = true
  assert.equal((await state.ask('/act', { method: 'POST', ...bearer(ops.token) })).status, 403)
  assert.equal(state.acts[0]?.who, 'keys:ops')
})

for (const [name, change, reason] of [
  ['shut out', { barred: true }, 'role-missing'],
  ['revoked', { revoked: true }, 'credentials-revoked'],
  ['known until then', { aheadUs: 61e6 }, 'credentials-expired'],
] as const) {
  test(`who is ${name} while the body is on its way may do nothing`, async () => {
    const state = control()
    const pull = (stream: ReadableStreamDefaultController): void => {
      Object.assign(state, change)
      stream.enqueue(Buffer.from('{"name":"x"}'))
      stream.close()
    }
    // Nothing of it is there before it is read.
    const body = new ReadableStream({ pull }, { highWaterMark: 0 })
    const headers = { authorization: `Bearer ${ops.token}`, 'content-type': 'application/json' }
    const init = { method: 'POST', headers, body, duplex: 'half' } as const
    const response = await state.ask('/body', init)
    assert.equal(((await response.json()) as { reason: string }).reason, reason)
    const [act] = state.acts
    assert.deepEqual([act?.facts.result, act?.facts.parameters], ['refused', { reason }])
    assert.equal(act?.who, 'keys:ops')
  })
}

for (const algorithm of ['sha-256', 'sha-512'] as const) {
  test(`a body is the one whose ${algorithm} was signed, or is refused`, async () => {
    const state = control()
    const digest = hash(algorithm.replace('-', ''), '{"name":"x"}', 'buffer')
    state.signed = { algorithm, digest }
    const init = bearer(ops.token, { 'content-type': 'application/json' })
    for (const [name, status] of [
      ['x', 200],
      ['y', 400],
    ] as const) {
      const body = JSON.stringify({ name })
      const response = await state.ask('/body', { method: 'POST', body, ...init })
      assert.equal(response.status, status)
    }
    assert.deepEqual(
      state.acts.map(({ facts: { result } }) => result),
      ['done', 'refused'],
    )
    const none = await state.ask('/act', { method: 'POST', ...init })
    assert.equal(((await none.json()) as { reason: string }).reason, 'body-digest-mismatch')
  })
}

test('who fails ten times waits, others do not, and it passes', async () => {
  const { ask, clock, acts } = control()
  for (let time = 0; time < 10; time += 1) assert.equal((await ask('/me')).status, 401)
  const eleventh = await ask('/act', { method: 'POST', ...bearer(ops.token) })
  assert.equal(eleventh.status, 429)
  assert.equal(eleventh.headers.get('retry-after'), '6')
  assert.equal(acts.length, 10, 'what is not even looked at is not written down')
  assert.equal((await ask('/me', bearer(ops.token), '192.0.2.2')).status, 200)
  await clock.advance(6000)
  assert.equal((await ask('/me', bearer(ops.token))).status, 200)
})

test('one network of IPv6 is one caller, and strangers fill no ledger', async () => {
  const { ask, acts } = control()
  for (let time = 0; time < 10; time += 1) await ask('/me', {}, `2001:db8::${time}`)
  assert.equal((await ask('/me', {}, '2001:db8::ffff:1')).status, 429)
  assert.equal((await ask('/me', {}, '2001:db8:1::1')).status, 401)
  for (let time = 0; time < 200; time += 1) await ask('/me', {}, `198.51.100.${time}`)
  assert.equal(acts.length, 100)
})

for (const [name, body, headers, status] of [
  ['is taken', '{"name":"x"}', { 'content-type': 'application/json' }, 200],
  [
    'of another type is refused: a form of a page could send it',
    '{"name":"x"}',
    { 'content-type': 'text/plain' },
    415,
  ],
  [
    'with more than is known is refused',
    '{"name":"x","more":1}',
    { 'content-type': 'application/json' },
    422,
  ],
  ['that is no JSON is refused', '{', { 'content-type': 'application/json' }, 400],
  [
    'that is too long is refused',
    `{"name":"${'x'.repeat(70_000)}"}`,
    { 'content-type': 'application/json' },
    413,
  ],
] as const) {
  test(`a body ${name}`, async () => {
    const { ask, acts } = control()
    const response = await ask('/body', { method: 'POST', body, ...bearer(ops.token, headers) })
    assert.equal(response.status, status)
    assert.equal(acts[0]?.facts.result, status === 200 ? 'done' : 'refused')
    assert.equal(acts[0]?.facts.target, status === 200 ? 'x' : undefined)
  })
}

test('a failure is on record, and nothing of it is told', async () => {
  const { ask, acts, failures } = control()
  const response = await ask('/break', { method: 'POST', ...bearer(ops.token) })
  assert.equal(response.status, 500)
  assert.doesNotMatch(await response.text(), /EIO/)
  assert.equal(acts[0]?.facts.result, 'failed')
  assert.match(failures[0]?.message ?? '', /EIO/)
})

test('other methods are told what is possible', async () => {
  const { ask } = control()
  assert.equal((await ask('/act', { method: 'DELETE' })).headers.get('allow'), 'POST')
  assert.equal((await ask('/look', { method: 'OPTIONS' })).status, 405)
})
