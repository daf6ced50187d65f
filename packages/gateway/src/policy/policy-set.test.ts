import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PolicyError } from './policy-error.ts'
import { PolicySet } from './policy-set.ts'
import type { Question } from './question.ts'
import { POLICY_SCHEMA } from './schema.ts'
import { readRecordedSet } from './set-records.ts'

const compile = (text: string): PolicySet => {
  return PolicySet.compile([{ name: 'orders.cedar', text }])
}

const READERS = `@id("readers-read")
permit (principal in Group::"readers", action in Action::"read", resource == Route::"orders");`
const NO_SECRETS = `@id("no-secrets")
forbid (principal, action, resource) when { resource.path like "/orders/secret*" };`
const FROM_HOME = `@id("from-home") permit (principal, action == Action::"DELETE", resource)
when { context.address.isInRange(ip("127.0.0.0/8")) && context.time < datetime("2027-01-01") };`
const OVERFLOWS = `@id("overflows") forbid (principal, action, resource)
when { 9223372036854775807 + (if context.tls then 1 else 0) == 0 };`
const SALT = '00'.repeat(16)
const ALL = [READERS, NO_SECRETS, FROM_HOME].join('\n')

interface Facts {
  readonly action?: Question['action']
  readonly path?: string
  readonly groups?: readonly string[]
  readonly address?: string
  readonly time?: string
  readonly tls?: boolean
  readonly route?: string
}

function question(facts: Facts): Question {
  return {
    principal: {
      id: 'ada',
      kind: 'user',
      issuer: 'keys',
      groups: facts.groups ?? ['readers'],
      roles: [],
      scopes: [],
      claims: {},
    },
    action: facts.action ?? 'GET',
    resource: {
      route: facts.route ?? 'orders',
      upstream: 'demo',
      host: 'api.example',
      path: facts.path ?? '/orders/7',
      parameters: {},
    },
    context: {
      timeUs: Date.parse(facts.time ?? '2026-11-21T08:00:00Z') * 1000,
      address: facts.address ?? '192.0.2.1',
      tls: facts.tls ? { version: 'TLSv1.3', cipher: 'AES' } : undefined,
      credential: 'api-key',
      mfaAtUs: undefined,
      headers: {},
      grants: [],
      breakGlass: false,
    },
  }
}

for (const [name, text, facts, reason, policies] of [
  ['a member of the group may read', ALL, {}, 'policy-permits', ['readers-read']],
  ['nobody else may', ALL, { groups: [] }, 'no-policy-permits', []],
  ['what is not permitted is denied', ALL, { action: 'POST' }, 'no-policy-permits', []],
  ['another route is not permitted', ALL, { route: 'bills' }, 'no-policy-permits', []],
  ['a forbid wins', ALL, { path: '/orders/secret/1' }, 'policy-forbids', ['no-secrets']],
  ['an empty set denies', '', {}, 'no-policy-permits', []],
  [
    'an address is a fact',
    ALL,
    { action: 'DELETE', address: '127.9.9.9' },
    'policy-permits',
    ['from-home'],
  ],
  [
    'time is a fact',
    ALL,
    { action: 'DELETE', address: '127.9.9.9', time: '2027-01-01T00:00:00Z' },
    'no-policy-permits',
    [],
  ],
  [
    'a forbid that fails denies although a permit applies',
    `${READERS}\n${OVERFLOWS}`,
    { tls: true },
    'policy-failed',
    ['overflows'],
  ],
  ['the same forbid, not failing, lets pass', `${READERS}\n${OVERFLOWS}`, {}, 'policy-permits', 0],
  ['an address that is none denies', ALL, { address: 'nowhere' }, 'policy-failed', []],
  ['a method without an action denies', ALL, { action: 'BREW' }, 'policy-failed', []],
] as const) {
  test(`${name}: ${reason}`, () => {
    const decision = compile(text).decide(question(facts as Facts), SALT)
    assert.equal(decision.reason, reason)
    assert.equal(decision.allow, reason === 'policy-permits')
    if (policies !== 0) assert.deepEqual(decision.policies, policies)
  })
}

for (const [name, text, want] of [
  ['a syntax error', 'permit (principal, action resource);', /^orders\.cedar:1:27: unexpected/],
  [
    'an unknown attribute, with what was meant',
    '// é❤\npermit (principal, action, resource)\nwhen { "é" == principal.kindd };',
    /^orders\.cedar:3:15: attribute `kindd`.* not found \(did you mean `kind`\?\)$/,
  ],
  [
    'an action that does not exist',
    'permit (principal, action == Action::"FETCH", resource);',
    /^orders\.cedar:1:\d+: unrecognized action `Action::"FETCH"`/,
  ],
  ['a template', 'permit (principal == ?principal, action, resource);', /templates are not supp/],
  ['an id used twice', `${READERS}\n${READERS}`, /@id\("readers-read"\) is also in orders\.cedar/],
  [
    'a policy that can never apply',
    'permit (principal, action == Action::"GET", resource) when { false };',
    /^orders\.cedar:1:1: policy is impossible/,
  ],
] as const) {
  test(`does not load: ${name}`, () => {
    assert.throws(
      () => compile(text),
      (error) => {
        assert.ok(error instanceof PolicyError)
        assert.equal(error.code, 'POLICY_INVALID')
        assert.match(error.message, want)
        return true
      },
    )
  })
}

test('without @id a policy is its file and ordinal, also beyond the tenth', () => {
  const text = Array.from(
    { length: 12 },
    (_, n) => `permit (principal, action, resource) when { resource.path == "/${n + 1}" };`,
  )
  const set = compile(text.join('\n'))
  for (const ordinal of [1, 2, 10, 11, 12]) {
    const { policies } = set.decide(question({ path: `/${ordinal}` }), SALT)
    assert.deepEqual(policies, [`orders.cedar#${ordinal}`])
  }
})

test('the digest is of the policies, not of how they are spaced or spread over files', () => {
  const together = compile(`${READERS}\n\n// why\n${NO_SECRETS}`)
  const files = [
    { name: 'orders.cedar', text: READERS },
    { name: 'z.cedar', text: NO_SECRETS },
  ]
  const apart = PolicySet.compile(files)
  assert.equal(together.digest, apart.digest)
  assert.notEqual(together.digest, compile(READERS).digest)
  assert.match(together.digest, /^[0-9a-f]{64}$/)
})

test('two sets do not disturb each other', () => {
  const permits = compile(READERS)
  const forbids = compile(NO_SECRETS)
  assert.equal(permits.decide(question({}), SALT).allow, true)
  assert.equal(forbids.decide(question({}), SALT).allow, false)
  assert.equal(permits.decide(question({}), SALT).allow, true)
})

test('the digest of the request covers every fact, the set and the salt', () => {
  const digests = [
    {},
    { action: 'POST' },
    { path: '/orders/8' },
    { groups: [] },
    { address: '192.0.2.2' },
    { time: '2026-11-21T08:00:01Z' },
    { tls: true },
    { route: 'bills' },
  ].map((facts) => compile(ALL).decide(question(facts as Facts), SALT).request)
  digests.push(compile(ALL).decide(question({}), SALT.replace('0', '1')).request)
  digests.push(compile(READERS).decide(question({}), SALT).request)
  assert.equal(new Set(digests).size, digests.length)
  assert.equal(compile(ALL).decide(question({}), SALT).request, digests[0])
})

const APPROVED = `@id("with-approval") @approval("refund")
permit (principal in Group::"readers", action, resource);`

for (const [name, text, grants, reason, approvals] of [
  ['a permit that needs an approval', APPROVED, [], 'approval-needed', ['refund']],
  ['an approval that is in force', APPROVED, ['x', 'refund'], 'policy-permits', ['refund']],
  ['a plain permit beside it', `${APPROVED}${READERS}`, [], 'policy-permits', []],
  ['a forbid beside it', `${APPROVED}${NO_SECRETS}`, ['refund'], 'policy-forbids', []],
] as const) {
  test(`${name}: ${reason}`, () => {
    const path = reason === 'policy-forbids' ? '/orders/secret' : '/orders/7'
    const asked = question({ path })
    const decision = compile(text).decide({ ...asked, context: { ...asked.context, grants } }, SALT)
    assert.equal(decision.reason, reason)
    assert.deepEqual(decision.approvals, approvals)
  })
}

test('@approval names a template, and stands on a permit', () => {
  const rule = /@approval stands on a permit and names a template/
  assert.throws(() => compile('@approval permit (principal, action, resource);'), rule)
  assert.throws(() => compile('@approval("") permit (principal, action, resource);'), rule)
  assert.throws(() => compile('@approval("x") forbid (principal, action, resource);'), rule)
})

test('what the compiler does not cover is decided by the engine, and said', () => {
  const set = compile(`${READERS}\n${OVERFLOWS}`)
  const [uncovered, more] = set.uncovered
  assert.deepEqual(uncovered, {
    id: 'overflows',
    file: 'orders.cedar',
    why: 'a number beyond 2^53 - 1',
  })
  assert.equal(more, undefined)
})

test('a set is recorded whole, comments and all, and made again from its records', () => {
  const long = `// ${'x'.repeat(150_000)}\n${ALL}`
  const set = compile(long)
  const records = set.records('0'.repeat(64))
  assert.ok(records.length > 2)
  assert.deepEqual(
    records.map(({ part, parts }) => [part, parts]),
    records.map((_, at) => [at + 1, records.length]),
  )
  const { files, schema } = readRecordedSet(records.flatMap((facts) => facts.files ?? []))
  assert.deepEqual(files, [{ name: 'orders.cedar', text: long }])
  assert.equal(schema, POLICY_SCHEMA)
  assert.equal(PolicySet.compile(files).digest, set.digest)
})

const repeated = (count: number, text: string): string => text.repeat(count)
for (const [name, condition] of [
  ['brackets', `${repeated(150, '(')}true${repeated(150, ')')}`],
  ['sets', `${repeated(150, '[')}1${repeated(150, ']')}.isEmpty()`],
  ['negations', `${repeated(600, '!')}true`],
  ['choices', `${repeated(600, 'if context.tls then true else ')}true`],
  ['a chain of ||', `${repeated(1000, 'context.tls || ')}true`],
  ['a chain of &&', `${repeated(1000, 'context.tls && ')}true`],
  ['conditions', `${repeated(1000, 'true } when { ')}true`],
] as const) {
  test(`${name} deeper than the engine can follow are refused, and it goes on`, () => {
    const text = `permit (principal, action, resource) when { ${condition} };`
    assert.throws(() => PolicySet.compile([{ name: 'deep.cedar', text }]), /nested too deep/)
    const fine = 'permit (principal, action, resource);'
    assert.equal(PolicySet.compile([{ name: 'fine.cedar', text: fine }]).ids.length, 1)
  })
}

for (const [name, condition] of [
  ['brackets', `${repeated(50, '(')}true${repeated(50, ')')}`],
  ['a list in disjunctions', `${repeated(500, 'principal.issuer == "(\\"||" || ')}true`],
  ['terms in brackets', `${repeated(250, '(context.tls && !context.breakGlass) || ')}true`],
  ['a long set', `[${repeated(5000, '"a", ')}"b"].contains(context.credential)`],
  ['a comment', `true // ${repeated(1000, '(||&&')}\n`],
] as const) {
  test(`${name} within what the engine can follow are taken`, () => {
    const text = `permit (principal, action, resource) when { ${condition} };`
    assert.equal(PolicySet.compile([{ name: 'long.cedar', text }]).ids.length, 1)
  })
}
