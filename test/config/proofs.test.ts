import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseConfig } from '../../packages/gateway/src/config/index.ts'

const EXAMPLE = readFileSync(join(import.meta.dirname, '../../examples/proofs.yaml'), 'utf8')

function parse(text: string) {
  return parseConfig('/etc/gateway.yaml', new TextEncoder().encode(text))
}

test('the example of proofs is a configuration, with paths beside its file', () => {
  const { identity, listeners, routes } = parse(EXAMPLE)
  const [outside, mesh] = listeners.map(({ tls }) => tls?.clientCertificates)
  assert.deepEqual(outside?.authorities, ['/etc/partners-ca.pem'])
  assert.deepEqual(outside?.revocations, ['/etc/partners-ca.crl', '/etc/partners-sub-ca.crl'])
  assert.equal(mesh?.spiffe, 'prod')
  assert.equal(identity.dpop.replaysFile, '/etc/data/state/dpop-replays.db')
  const [{ bundle } = assert.fail()] = identity.spiffe
  assert.equal('authority' in bundle ? bundle.authority : '', '/etc/spire-web-ca.pem')
  assert.equal(identity.signatures[0]?.nonce, 'required')
  assert.equal(routes[0]?.identity, 'signed')
})

for (const [name, from, to, want] of [
  [
    'a listener that believes a trust domain and an authority',
    'clientCertificates: { spiffe: prod,',
    'clientCertificates: { spiffe: prod, authorities: [a.pem],',
    /names authorities or spiffe/,
  ],
  [
    'a listener that believes nobody',
    'clientCertificates: { spiffe: prod,',
    'clientCertificates: {',
    /names authorities or spiffe/,
  ],
  ['proofs without an algorithm', 'algorithms: [ES256, EdDSA]', 'algorithms: []', /dpop/],
  ['proofs with a secret', 'algorithms: [ES256, EdDSA]', 'algorithms: [HS256]', /dpop/],
  ['a private key', 'BEGIN PUBLIC KEY', 'BEGIN PRIVATE KEY', /publicKey/],
  [
    'a trust domain with a scheme',
    'trustDomain: prod',
    'trustDomain: spiffe://prod',
    /trustDomain/,
  ],
  ['statements that live for hours', 'lifetimeMs: 30000', 'lifetimeMs: 3600000', /lifetimeMs/],
  [
    'an external URL with a path',
    'externalUrl: https://api.example.com ',
    'externalUrl: https://api.example.com/v1 ',
    /more than scheme, host and port/,
  ],
  [
    'a listener of a trust domain that nothing is',
    'clientCertificates: { spiffe: prod,',
    'clientCertificates: { spiffe: test,',
    /no item of identity.spiffe is called test/,
  ],
  ['an authenticator that nothing is', 'prod-jwt]', 'prod-jwts]', /no authenticator is called/],
] as const) {
  test(`does not load: ${name}`, () => {
    assert.ok(EXAMPLE.includes(from))
    assert.throws(() => parse(EXAMPLE.replace(from, to)), want)
  })
}
