import assert from 'node:assert/strict'
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { test } from 'node:test'
import { SimulatedClock } from '../../platform/index.ts'
import type { Identification } from '../authenticator.ts'
import { senderConstraints } from '../binding/token-binding.ts'
import { Presented } from '../presented.ts'
import { VerifiedTokens } from '../token/verified-tokens.ts'
import { BundleKeeper } from './bundle-keeper.ts'
import { JwtSvids } from './jwt-svid.ts'
import { spiffeSchema } from './spiffe-config.ts'
import { parseSpiffeId } from './spiffe-id.ts'
import { workloadOf } from './spiffe-principal.ts'
import { parseTrustBundle } from './trust-bundle.ts'

for (const [text, want] of [
  ['spiffe://example.org/ns/prod/sa/batch', '/ns/prod/sa/batch'],
  ['spiffe://example.org', ''],
  ['spiffe://a_b-c.1/x', '/x'],
  ['spiffe://example.org/', undefined],
  ['spiffe://example.org//x', undefined],
  ['spiffe://example.org/x/', undefined],
  ['spiffe://example.org/./x', undefined],
  ['spiffe://example.org/x/..', undefined],
  ['spiffe://Example.org/x', undefined],
  ['SPIFFE://example.org/x', undefined],
  ['spiffe://example.org:443/x', undefined],
  ['spiffe://user@example.org/x', undefined],
  ['spiffe://example.org/x?y', undefined],
  ['spiffe://example.org/x#y', undefined],
  ['spiffe://example.org/%41', undefined],
  ['spiffe:///x', undefined],
  ['https://example.org/x', undefined],
  ['', undefined],
  [`spiffe://example.org/${'x'.repeat(2048)}`, undefined],
] as const) {
  test(`SPIFFE ID ${text.slice(0, 60)}: ${want ?? 'none'}`, () => {
    assert.equal(parseSpiffeId(text)?.path, want)
  })
}

const config = spiffeSchema.parse({
  name: 'prod',
  trustDomain: 'example.org',
  bundle: { file: 'bundle.json' },
  audiences: ['gateway'],
})
const ruled = {
  ...config,
  rules: [
    { path: '/ns/*/sa/batch', groups: ['batch'], roles: [], scopes: [] },
    { path: '/admin', groups: [], roles: ['admin'], scopes: [] },
  ],
}

for (const [text, rules, want] of [
  ['spiffe://example.org/x', config, 'spiffe://example.org/x'],
  ['spiffe://example.org', config, 'spiffe-id'],
  ['spiffe://other.org/x', config, 'spiffe-trust-domain'],
  ['spiffe://example.org.evil/x', config, 'spiffe-trust-domain'],
  ['spiffe://example.org/ns/a/sa/batch', ruled, 'spiffe://example.org/ns/a/sa/batch'],
  ['spiffe://example.org/ns/a/b/sa/batch', ruled, 'spiffe-unknown'],
  ['spiffe://example.org/ns/a/sa/batch/x', ruled, 'spiffe-unknown'],
  ['spiffe://example.org/admin', ruled, 'spiffe://example.org/admin'],
] as const) {
  test(`workload ${text} under ${rules.rules.length} rules: ${want}`, () => {
    const found = workloadOf(text, rules)
    assert.equal(typeof found === 'string' ? found : found.id, want)
  })
}

const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const later = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const ed = generateKeyPairSync('ed25519')
const jwk = (pair: { readonly publicKey: KeyObject }, more: object): object => ({
  ...pair.publicKey.export({ format: 'jwk' }),
  ...more,
})
const bundleOf = (...keys: readonly unknown[]): Uint8Array =>
  Buffer.from(JSON.stringify({ spiffe_sequence: 1, keys }))
const first = bundleOf(jwk(ec, { kid: 'a', use: 'jwt-svid' }))
const second = bundleOf(jwk(later, { kid: 'b', use: 'jwt-svid' }))

test('a bundle: only keys of a known use, with an id, and of a kind that is taken', () => {
  const bundle = parseTrustBundle(
    bundleOf(
      jwk(ec, { kid: 'a', use: 'jwt-svid' }),
      jwk(ec, { kid: 'no use' }),
      jwk(ec, { kid: 'b', use: 'sig' }),
      jwk(ec, { use: 'jwt-svid' }),
      jwk(ed, { kid: 'c', use: 'jwt-svid' }),
      { kty: 'oct', k: 'AAAA', kid: 'd', use: 'jwt-svid' },
      jwk(later, { kid: 'twice', use: 'jwt-svid' }),
      jwk(ec, { kid: 'twice', use: 'jwt-svid' }),
      { kty: 'EC', use: 'x509-svid', x5c: ['AAAA'] },
      { kty: 'EC', use: 'x509-svid' },
      'nonsense',
    ),
  )
  assert.deepEqual(
    bundle?.keys.keys.map(({ kid }) => kid),
    ['a'],
  )
  assert.deepEqual(bundle?.authorities, [])
})

for (const [name, text] of [
  ['no JSON', 'x'],
  ['no keys', '{}'],
  ['keys that are no list', '{"keys":{}}'],
  ['a member twice', '{"keys":[],"keys":[]}'],
  ['101 keys', JSON.stringify({ keys: Array.from({ length: 101 }, () => ({})) })],
] as const) {
  test(`no bundle: ${name}`, () => assert.equal(parseTrustBundle(Buffer.from(text)), undefined))
}

const NOW_US = Date.parse('2026-11-21T12:00:00Z') * 1000
const NOW_S = NOW_US / 1e6

interface Making {
  readonly header?: object
  readonly claims?: object
  readonly pair?: { readonly privateKey: KeyObject }
}

function makeSvid({ header, claims, pair = ec }: Making = {}): string {
  const head = { alg: 'ES256', kid: 'a', typ: 'JWT', ...header }
  const body = { sub: 'spiffe://example.org/x', aud: ['gateway'], exp: NOW_S + 300, ...claims }
  const parts = [head, body].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
  const key = { key: pair.privateKey, dsaEncoding: 'ieee-p1363' } as const
  const signature = sign('sha256', Buffer.from(parts.join('.')), key)
  return [...parts, signature.toString('base64url')].join('.')
}

function makeJwtSvids(bundle = { current: () => parseTrustBundle(first) }): JwtSvids {
  const check = { binding: senderConstraints({}), revocations: { isRevoked: () => false } }
  const tokens = new VerifiedTokens(100)
  return new JwtSvids({ config, bundle, check, tokens, clockSkewMs: 30_000 })
}

async function show(token: string, svids = makeJwtSvids()): Promise<string> {
  const presented = new Presented({
    method: 'GET',
    url: () => 'https://api.example/',
    fields: [['Authorization', `Bearer ${token}`]],
    hasBody: false,
    peer: { address: '192.0.2.1' },
    atUs: NOW_US,
  })
  if (!svids.recognises(presented)) return 'not ours'
  const found: Identification = await svids.authenticate(presented)
  return found.known ? found.principal.id : `${found.reason} ${found.fault}`
}

for (const [name, making, want] of [
  ['a workload of the domain', {}, 'spiffe://example.org/x'],
  ['no type', { header: { typ: undefined } }, 'spiffe://example.org/x'],
  ['another type', { header: { typ: 'at+jwt' } }, 'credentials-invalid header-type'],
  ['no kid', { header: { kid: undefined } }, 'credentials-invalid header-key'],
  ['a kid nobody knows', { header: { kid: 'b' } }, 'credentials-invalid key-unknown'],
  ['alg none', { header: { alg: 'none' } }, 'credentials-invalid header-algorithm'],
  ['a secret-key algorithm', { header: { alg: 'HS256' } }, 'credentials-invalid header-algorithm'],
  ['EdDSA', { header: { alg: 'EdDSA' } }, 'credentials-invalid header-algorithm'],
  ['another curve', { header: { alg: 'ES384' } }, 'credentials-invalid key-unknown'],
  ['a critical header', { header: { crit: ['x'] } }, 'credentials-invalid header-critical'],
  ['signed by another key', { pair: later }, 'credentials-invalid signature'],
  ['no audience', { claims: { aud: undefined } }, 'credentials-invalid audience'],
  ['an empty audience', { claims: { aud: [] } }, 'credentials-invalid audience'],
  ['for somebody else', { claims: { aud: 'gateway2' } }, 'credentials-invalid audience'],
  ['no end', { claims: { exp: undefined } }, 'credentials-invalid times'],
  ['an end that is a text', { claims: { exp: '9999999999' } }, 'credentials-invalid times'],
  ['past its end by the tolerance', { claims: { exp: NOW_S - 30 } }, 'credentials-expired expired'],
  ['past its end by less', { claims: { exp: NOW_S - 29 } }, 'spiffe://example.org/x'],
  ['not valid yet', { claims: { nbf: NOW_S + 31 } }, 'credentials-invalid not-yet-valid'],
  ['bound in an unknown way', { claims: { cnf: { x: 1 } } }, 'credentials-invalid confirmation'],
  ['no subject', { claims: { sub: undefined } }, 'not ours'],
  ['a subject of another domain', { claims: { sub: 'spiffe://other.org/x' } }, 'not ours'],
  ['a subject of a longer domain', { claims: { sub: 'spiffe://example.org.evil/x' } }, 'not ours'],
  [
    'a subject with a dot segment',
    { claims: { sub: 'spiffe://example.org/a/../x' } },
    'credentials-invalid spiffe-id',
  ],
] as const) {
  test(`JWT-SVID, ${name}: ${want}`, async () => assert.equal(await show(makeSvid(making)), want))
}

test('a bundle is read again: new keys count, and what is stale is worth nothing', async () => {
  const clock = new SimulatedClock()
  let text: Uint8Array | undefined = first
  const faults: unknown[] = []
  const keeper = new BundleKeeper({
    name: 'prod',
    read: async () => text ?? Promise.reject(new Error('gone')),
    clock,
    refreshEveryMs: 1000,
    staleMs: 5000,
    onChange: () => undefined,
    onFault: (fault) => faults.push(fault),
  })
  await keeper.start()
  const svids = makeJwtSvids(keeper)
  assert.equal(await show(makeSvid(), svids), 'spiffe://example.org/x')
  text = second
  await clock.advance(1000)
  assert.equal(await show(makeSvid(), svids), 'credentials-invalid key-unknown')
  const renewed = makeSvid({ header: { kid: 'b' }, pair: later })
  assert.equal(await show(renewed, svids), 'spiffe://example.org/x')
  text = undefined
  await clock.advance(1000)
  assert.equal(faults.length, 1)
  assert.equal(await show(renewed, svids), 'spiffe://example.org/x')
  await clock.advance(5001)
  assert.equal(await show(renewed, svids), 'credentials-unverifiable undefined')
  keeper.close()
})
