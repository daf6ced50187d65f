import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseConfig } from '../../packages/gateway/src/config/index.ts'

const EXAMPLE = readFileSync(join(import.meta.dirname, '../../examples/tokens.yaml'), 'utf8')

function parse(text: string) {
  return parseConfig('/etc/gateway.yaml', new TextEncoder().encode(text))
}

test('the example of tokens is a configuration, with paths beside its file', () => {
  const { identity, routes } = parse(EXAMPLE)
  assert.deepEqual(
    identity.issuers.map(({ name, profile }) => `${name} ${profile}`),
    ['staff access-token', 'partner jwt', 'legacy jwt'],
  )
  assert.equal(identity.revocationsFile, '/etc/revoked-tokens.yaml')
  assert.deepEqual(identity.introspection[0]?.clientSecret, { file: '/etc/introspection-secret' })
  assert.deepEqual(routes[2]?.authenticators, ['keys', 'partner', 'legacy'])
})

for (const [name, from, to, want] of [
  [
    'a route that names nobody',
    'authenticators: [keys, partner',
    'authenticators: [keys, partnr',
    /routes\[2\]\.authenticators\[1\]: no authenticator is called partnr \(did you mean partner/,
  ],
  ['a scope of two words', 'scopes: ["orders:approve"]', 'scopes: ["a b"]', /not one word/],
  [
    'two issuers of one name',
    'name: partner',
    'name: staff',
    /a second authenticator called staff/,
  ],
  [
    'two names of one issuer',
    'issuer: https://login.partner.example',
    'issuer: https://id.example.com/realms/staff',
    /issuers\[1\]\.issuer: a second/,
  ],
  ['introspection without TLS', 'endpoint: https:', 'endpoint: http:', /is not an https URL/],
  ['a secret that is written down', 'secret: { env: LEGACY_JWT_SECRET }', 'secret: hush', /secret/],
  ['more tolerance than a minute', 'clockSkewMs: 30000', 'clockSkewMs: 60001', /clockSkewMs/],
] as const) {
  test(`does not load: ${name}`, () => {
    assert.ok(EXAMPLE.includes(from))
    assert.throws(() => parse(EXAMPLE.replace(from, to)), want)
  })
}
