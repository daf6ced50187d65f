import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { test } from 'node:test'
import { addRevocation, parseRevocations } from './revocations.ts'
import type { Revocations } from './token-check.ts'

const ISSUER = 'https://id.example'
const NOON = '2026-11-21T12:00:00.000Z'
const NOON_US = Date.parse(NOON) * 1000
let calls = 0
const random = {
  bytes: (count: number) => {
    calls += 1
    return hash('sha512', `${calls}`, 'buffer').subarray(0, count)
  },
}

const byId = addRevocation('', { issuer: ISSUER, jti: 't-1' }, { random, nowUs: NOON_US })
const list = parseRevocations(
  addRevocation(
    byId.text,
    { issuer: ISSUER, subject: 'ada', before: NOON },
    { random, nowUs: NOON_US },
  ).text,
)

type Token = Parameters<Revocations['isRevoked']>[0]
function token(more: {
  readonly issuer?: string
  readonly jti?: string
  readonly subject?: string
  readonly issuedAtUs?: number | undefined
}): Token {
  const { issuer = ISSUER, jti, subject = 'ben', issuedAtUs = NOON_US } = more
  const lists = { groups: [], roles: [], scopes: [], claims: {} }
  return {
    principal: { id: `id:${subject}`, kind: 'user', issuer, ...lists },
    credential: { method: 'jwt', id: jti, expiresAtUs: undefined },
    subject,
    issuedAtUs: 'issuedAtUs' in more ? more.issuedAtUs : issuedAtUs,
  }
}

for (const [name, shown, want] of [
  ['the token of that id', token({ jti: 't-1' }), true],
  ['another', token({ jti: 't-2' }), false],
  ['the same id of another issuer', token({ jti: 't-1', issuer: 'https://x.example' }), false],
  ['one of the subject, issued before', token({ subject: 'ada', issuedAtUs: NOON_US - 1 }), true],
  ['one of the subject, issued in that second', token({ subject: 'ada' }), true],
  ['one of the subject, issued after', token({ subject: 'ada', issuedAtUs: NOON_US + 1 }), false],
  [
    'one of the subject that does not say when',
    token({ subject: 'ada', issuedAtUs: undefined }),
    true,
  ],
  ['one of a namesake elsewhere', token({ subject: 'ada', issuer: 'https://x.example' }), false],
] as const) {
  test(`${name}: ${want ? 'revoked' : 'not revoked'}`, () => {
    assert.equal(list.isRevoked(shown), want)
  })
}

test('what has run out is left out at the next change, and comments stay', () => {
  const old = { issuer: ISSUER, jti: 'old', until: NOON }
  const { text } = addRevocation(`# ours\n${byId.text}`, old, { random, nowUs: NOON_US - 1 })
  const later = addRevocation(text, { issuer: ISSUER, jti: 'new' }, { random, nowUs: NOON_US })
  const ids = [...parseRevocations(later.text).entries.values()].map(({ jti }) => jti)
  assert.deepEqual(ids, ['t-1', 'new'])
  assert.ok(later.text.startsWith('# ours\n'))
})

const entry = '{id: rv_abcdefgh, issuer: i, jti: a}'
for (const [name, text, want] of [
  ['not YAML', 'version: [', /revocations file: /],
  ['an unknown version', 'version: 2\nrevoked: []', /version/],
  ['neither token nor subject', 'version: 1\nrevoked: [{id: rv_abcdefgh, issuer: i}]', /either/],
  [
    'a subject without a time',
    'version: 1\nrevoked: [{id: rv_abcdefgh, issuer: i, subject: a}]',
    /before/,
  ],
  [
    'an unknown field',
    `version: 1\nrevoked: [{id: rv_abcdefgh, issuer: i, jti: a, all: true}]`,
    /all/,
  ],
  ['one id twice', `version: 1\nrevoked: [${entry}, ${entry}]`, /twice/],
] as const) {
  test(`does not load: ${name}`, () => {
    assert.throws(() => parseRevocations(text), want)
  })
}
