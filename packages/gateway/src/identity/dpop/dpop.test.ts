import assert from 'node:assert/strict'
import { createHash, generateKeyPairSync, hash, type KeyObject, sign } from 'node:crypto'
import { test } from 'node:test'
import { calculateJwkThumbprint } from 'jose'

import { parseConfirmation } from '../binding/confirmation.ts'
import { type BindingVerdict, senderConstraints } from '../binding/token-binding.ts'
import { Presented } from '../presented.ts'
import { DpopNonces } from './dpop-nonces.ts'
import { DpopVerifier } from './dpop-verifier.ts'
import { normaliseUrl } from './external-url.ts'
import { type ProofAlgorithm, readProofKey } from './proof-key.ts'
import { MemoryReplayStore } from './replay-store.ts'

const START_US = Date.parse('2026-11-21T12:00:00Z') * 1000
/** Late enough that nothing of an earlier life could still be replayed. */
const NOW_US = START_US + 600e6
const TOKEN = 'abc.def-ghi'
const URL = 'https://api.example/orders/7?full=1'

const holder = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const other = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const jwk = holder.publicKey.export({ format: 'jwk' })
const JKT = await calculateJwkThumbprint(jwk)

interface Making {
  readonly header?: object
  readonly claims?: object
  readonly key?: KeyObject
  /** Done to the finished text. */
  readonly bend?: (proof: string) => string
}

let proofs = 0

function makeProof({ header, claims, key = holder.privateKey, bend = (it) => it }: Making = {}) {
  proofs += 1
  const head = { typ: 'dpop+jwt', alg: 'ES256', jwk, ...header }
  const body = {
    jti: `jti-${proofs}`,
    htm: 'GET',
    htu: 'https://api.example/orders/7',
    iat: NOW_US / 1e6,
    ath: createHash('sha256').update(TOKEN).digest('base64url'),
    ...claims,
  }
  const signed = [head, body].map(encode).join('.')
  const signature = sign('sha256', Buffer.from(signed), { key, dsaEncoding: 'ieee-p1363' })
  return bend(`${signed}.${signature.toString('base64url')}`)
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

function makeVerifier({ needsNonce = false, entriesMax = 1000 } = {}) {
  const nonces = new DpopNonces({ key: Buffer.alloc(32, 1), periodMs: 300_000 })
  const replays = new MemoryReplayStore({
    nowUs: START_US,
    windowMs: 60_000,
    aheadMs: 60_000,
    entriesMax,
  })
  const algorithms: readonly ProofAlgorithm[] = ['ES256', 'EdDSA', 'PS256']
  const dpop = new DpopVerifier({ algorithms, nonces, replays, windowMs: 60_000, needsNonce })
  return { binding: senderConstraints({ dpop }), nonces, replays }
}

interface Showing {
  readonly proofs: readonly string[]
  readonly scheme?: 'bearer' | 'dpop'
  readonly jkt?: string | undefined
  readonly token?: string
  readonly method?: string
  readonly url?: string
  readonly atUs?: number
  readonly fields?: readonly (readonly [string, string])[]
}

function show(showing: Showing, binding = makeVerifier().binding): BindingVerdict {
  const { method = 'GET', url = URL, atUs = NOW_US, token = TOKEN, scheme = 'dpop' } = showing
  const jkt = 'jkt' in showing ? showing.jkt : JKT
  const fields = showing.proofs.map((proof) => ['DPoP', proof] as const)
  const presented = new Presented({
    method,
    url: () => url,
    fields: [...fields, ...(showing.fields ?? [])],
    hasBody: false,
    peer: { address: '192.0.2.1' },
    atUs,
  })
  return binding.check({ scheme, token, confirmation: jkt && { jkt }, presented } as never)
}

function faultOf(verdict: BindingVerdict): string {
  return verdict.ok ? 'accepted' : `${verdict.reason} ${verdict.fault}`
}

const without = (name: string): object => ({ [name]: undefined })
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })

const ROWS: readonly (readonly [string, Showing, string])[] = [
  ['a proof for this request', { proofs: [makeProof()] }, 'accepted'],
  ['D01 a bound token without a proof', { proofs: [] }, 'proof-missing proof-missing'],
  [
    'D02 a bound token sent as Bearer',
    { proofs: [makeProof()], scheme: 'bearer' },
    'proof-missing bound-token-as-bearer',
  ],
  [
    'an unbound token sent as DPoP',
    { proofs: [makeProof()], jkt: undefined },
    'credentials-invalid token-not-bound',
  ],
  ['D03 two proofs', { proofs: [makeProof(), makeProof()] }, 'proof-invalid proof-twice'],
  ...(['jwt', 'DPoP+JWT', 'dpop', undefined] as const).map(
    (typ) =>
      [
        `D04 typ ${typ}`,
        { proofs: [makeProof({ header: { typ } })] },
        'proof-invalid proof-type',
      ] as const,
  ),
  ...(['none', 'HS256', 'ES384', 'RS256', 'es256', ''] as const).map(
    (alg) =>
      [
        `D05 alg ${alg}, which is not allowed`,
        { proofs: [makeProof({ header: { alg } })] },
        'proof-invalid proof-algorithm',
      ] as const,
  ),
  [
    'D05 an algorithm that is not the key\u2019s',
    { proofs: [makeProof({ header: { alg: 'EdDSA' } })] },
    'proof-invalid proof-key',
  ],
  [
    'D06 a private member in the key',
    { proofs: [makeProof({ header: { jwk: holder.privateKey.export({ format: 'jwk' }) } })] },
    'proof-invalid proof-key',
  ],
  [
    'D06 a symmetric key',
    { proofs: [makeProof({ header: { jwk: { kty: 'oct', k: 'AAAA' } } })] },
    'proof-invalid proof-key',
  ],
  [
    'a key by reference only',
    { proofs: [makeProof({ header: { jwk: undefined, kid: 'a' } })] },
    'proof-invalid proof-header',
  ],
  [
    'a critical header',
    { proofs: [makeProof({ header: { crit: ['b64'], b64: false } })] },
    'proof-invalid proof-header',
  ],
  [
    'D07 a signature by another key',
    { proofs: [makeProof({ key: other.privateKey })] },
    'proof-invalid proof-signature',
  ],
  [
    'D07 a signature in DER',
    {
      proofs: [
        makeProof({
          bend: (it) => {
            const signed = it.slice(0, it.lastIndexOf('.'))
            const der = sign('sha256', Buffer.from(signed), holder.privateKey)
            return `${signed}.${der.toString('base64url')}`
          },
        }),
      ],
    },
    'proof-invalid proof-signature',
  ],
  [
    'D07 r and s are zero',
    { proofs: [makeProof({ bend: (it) => it.replace(/[^.]+$/, 'A'.repeat(86)) })] },
    'proof-invalid proof-signature',
  ],
  [
    'D08 another method',
    { proofs: [makeProof({ claims: { htm: 'POST' } })] },
    'proof-invalid proof-method',
  ],
  [
    'D08 the method in lower case',
    { proofs: [makeProof({ claims: { htm: 'get' } })] },
    'proof-invalid proof-method',
  ],
  ...[
    'http://api.example/orders/7',
    'https://api.example.evil/orders/7',
    'https://api.example:8443/orders/7',
    'https://api.example/orders/8',
    'https://api.example/orders/7/',
    'https://api.example/orders/%37/../7',
    'https://ada@api.example/orders/7',
    'https://api.example\\orders/7',
    '/orders/7',
    '',
  ].map(
    (htu) =>
      [
        `D09 htu ${htu}`,
        { proofs: [makeProof({ claims: { htu } })] },
        'proof-invalid proof-target',
      ] as const,
  ),
  ...[
    'https://api.example/orders/7?other=2#part',
    'HTTPS://API.Example:443/orders/7',
    'https://api.example/%6Frders/%37',
  ].map(
    (htu) =>
      [
        `D09 htu ${htu} is the same`,
        { proofs: [makeProof({ claims: { htu } })] },
        'accepted',
      ] as const,
  ),
  ...([-61, 61, 3600] as const).map(
    (s) =>
      [
        `D10 signed ${s} s from now`,
        { proofs: [makeProof({ claims: { iat: NOW_US / 1e6 + s } })] },
        'proof-invalid proof-time',
      ] as const,
  ),
  ...([-60, 60] as const).map(
    (s) =>
      [
        `D10 signed ${s} s from now`,
        { proofs: [makeProof({ claims: { iat: NOW_US / 1e6 + s } })] },
        'accepted',
      ] as const,
  ),
  ...(['1', 1.5, -1, null, [], undefined] as const).map(
    (iat) =>
      [
        `D10 iat ${JSON.stringify(iat)}`,
        { proofs: [makeProof({ claims: { iat } })] },
        iat === 1.5 ? 'proof-invalid proof-form' : 'proof-invalid proof-claims',
      ] as const,
  ),
  ...([undefined, '', 'x'.repeat(257), 7, null] as const).map(
    (jti) =>
      [
        `D11 jti ${JSON.stringify(jti)?.slice(0, 9)}`,
        { proofs: [makeProof({ claims: { jti } })] },
        'proof-invalid proof-claims',
      ] as const,
  ),
  ['D12 no ath', { proofs: [makeProof({ claims: without('ath') })] }, 'proof-invalid proof-token'],
  [
    'D12 ath of another token',
    { proofs: [makeProof({ claims: { ath: hash('sha256', 'x', 'base64url') } })] },
    'proof-invalid proof-token',
  ],
  [
    'D12 ath in hexadecimal',
    { proofs: [makeProof({ claims: { ath: hash('sha256', TOKEN, 'hex') } })] },
    'proof-invalid proof-token',
  ],
  [
    'D13 a good proof by a key that is not the token\u2019s',
    {
      proofs: [
        makeProof({
          header: { jwk: other.publicKey.export({ format: 'jwk' }) },
          key: other.privateKey,
        }),
      ],
    },
    'proof-invalid proof-thumbprint',
  ],
  [
    'D15 the client says that it was asked for elsewhere',
    {
      proofs: [makeProof({ claims: { htu: 'https://evil.example/orders/7' } })],
      fields: [
        ['X-Forwarded-Host', 'evil.example'],
        ['X-Forwarded-Proto', 'https'],
        ['Forwarded', 'host=evil.example'],
      ],
    },
    'proof-invalid proof-target',
  ],
  ...[
    (it: string) => `${it}=`,
    (it: string) => it.replace('.', '=.'),
    (it: string) => `${it}.`,
    (it: string) => it.slice(0, it.lastIndexOf('.')),
    (it: string) => ` ${it}`,
    (it: string) => `${it}, ${it}`,
    (it: string) => it.padEnd(5000, 'A'),
    () => '{}',
    () => '',
  ].map(
    (bend, at) =>
      [
        `a spelling that is not the one, ${at + 1}`,
        { proofs: [makeProof({ bend })] },
        'proof-invalid proof-form',
      ] as const,
  ),
  [
    'a member that stands twice',
    {
      proofs: [
        makeProof({
          bend: (it) => {
            const text = Buffer.from(it.split('.')[1] ?? '', 'base64url').toString()
            const twice = Buffer.from(text.replace('{', '{"htm":"PUT",')).toString('base64url')
            return it.replace(/\.[^.]+\./, `.${twice}.`)
          },
        }),
      ],
    },
    'proof-invalid proof-form',
  ],
]

for (const [name, showing, want] of ROWS) {
  test(`${name}: ${want}`, () => assert.equal(faultOf(show(showing)), want))
}

test('D11 a proof works once, for whoever shows it', () => {
  const { binding } = makeVerifier()
  const proof = makeProof()
  assert.equal(faultOf(show({ proofs: [proof] }, binding)), 'accepted')
  assert.equal(faultOf(show({ proofs: [proof] }, binding)), 'proof-replayed proof-replayed')
})

test('D11 a jti is one key\u2019s: somebody else\u2019s proof cannot take it away', () => {
  const { binding } = makeVerifier()
  const jti = 'the same'
  assert.equal(faultOf(show({ proofs: [makeProof({ claims: { jti } })] }, binding)), 'accepted')
  const header = { jwk: other.publicKey.export({ format: 'jwk' }) }
  const theirs = makeProof({ header, key: other.privateKey, claims: { jti } })
  const jkt = hash('sha256', canonicalJwk(header.jwk), 'base64url')
  assert.equal(faultOf(show({ proofs: [theirs], jkt }, binding)), 'accepted')
})

function canonicalJwk({ crv, kty, x, y }: typeof jwk): string {
  return JSON.stringify({ crv, kty, x, y })
}

test('D11 after a restart a proof needs a nonce until no earlier one could be replayed', () => {
  const { binding, nonces } = makeVerifier()
  const at = (s: number, claims: object = {}): string => {
    const iat = START_US / 1e6 + s
    const proof = makeProof({ claims: { iat, ...claims } })
    return faultOf(show({ proofs: [proof], atUs: START_US + s * 1e6 }, binding))
  }
  assert.equal(at(1), 'proof-nonce proof-nonce')
  assert.equal(at(60), 'proof-nonce proof-nonce')
  assert.equal(at(61), 'accepted')
  assert.equal(at(1, { nonce: nonces.current(START_US) }), 'accepted')
  const anotherLife = new DpopNonces({ key: Buffer.alloc(32, 2), periodMs: 300_000 })
  assert.equal(at(1, { nonce: anotherLife.current(START_US) }), 'proof-nonce proof-nonce')
})

test('D14 a nonce is asked for, is good for this period and the next, and then is not', () => {
  const { binding, nonces } = makeVerifier({ needsNonce: true })
  const asked = show({ proofs: [makeProof()] }, binding)
  assert.ok(!asked.ok)
  assert.match(
    asked.challenges[0] ?? '',
    /^DPoP .*error="use_dpop_nonce".*algs="ES256 EdDSA PS256"/,
  )
  const nonce = nonces.current(NOW_US)
  assert.deepEqual(asked.headers, [['dpop-nonce', nonce]])
  const after = (s: number): string => {
    const atUs = NOW_US + s * 1e6
    const proof = makeProof({ claims: { nonce, iat: atUs / 1e6 } })
    return faultOf(show({ proofs: [proof], atUs }, binding))
  }
  assert.equal(after(0), 'accepted')
  assert.equal(after(599), 'accepted')
  assert.equal(after(600), 'proof-nonce proof-nonce')
  const wrong = makeProof({ claims: { nonce: `${nonce}x` } })
  assert.equal(
    faultOf(show({ proofs: [wrong] }, makeVerifier().binding)),
    'proof-nonce proof-nonce',
  )
})

test('D16 a store that is full lets nothing through, and has room again later', () => {
  const { binding } = makeVerifier({ entriesMax: 2 })
  const at = (s: number): string => {
    const proof = makeProof({ claims: { iat: NOW_US / 1e6 + s } })
    return faultOf(show({ proofs: [proof], atUs: NOW_US + s * 1e6 }, binding))
  }
  assert.equal(at(0), 'accepted')
  assert.equal(at(0), 'accepted')
  assert.equal(at(1), 'proof-unavailable proof-store-full')
  assert.equal(at(121), 'accepted')
})

test('D16 a million proofs: every one is remembered, and none is forgotten early', () => {
  const store = new MemoryReplayStore({
    nowUs: 0,
    windowMs: 60_000,
    aheadMs: 60_000,
    entriesMax: 1_000_000,
  })
  const times = { nowUs: 1e9, issuedAtUs: 1e9 }
  for (let n = 0; n < 1_000_000; n += 1) store.add(`k${n}`, times)
  assert.equal(store.add('one more', times), 'full')
  assert.equal(store.add('k0', times), 'seen')
  assert.equal(store.add('k999999', { nowUs: 1e9 + 119e6, issuedAtUs: 1e9 }), 'seen')
})

test('a clock that goes back makes no old proof new', () => {
  const store = new MemoryReplayStore({
    nowUs: 0,
    windowMs: 60_000,
    aheadMs: 60_000,
    entriesMax: 10,
  })
  store.add('a', { nowUs: 1e9, issuedAtUs: 1e9 + 5e6 })
  store.add('b', { nowUs: 2e9, issuedAtUs: 2e9 })
  assert.equal(store.forgottenUntilUs, 1e9 + 5e6)
})

for (const [name, cnf, want] of [
  ['no cnf', undefined, undefined],
  ['a thumbprint', { jkt: JKT }, { jkt: JKT, certificateSha256: undefined }],
  ['a certificate', { 'x5t#S256': JKT }, { jkt: undefined, certificateSha256: JKT }],
  ['another kind of binding', { kid: 'a' }, 'unknown'],
  ['a known one beside one that nobody checks', { jkt: JKT, jwk: {} }, 'unknown'],
  ['an empty one', {}, 'unknown'],
  ['a thumbprint that is too short', { jkt: 'abc' }, 'unknown'],
  ['a second spelling of a thumbprint', { jkt: `${JKT.slice(0, 42)}B` }, 'unknown'],
  ['no object', 'abc', 'unknown'],
  ['null', null, 'unknown'],
] as const) {
  test(`cnf: ${name}`, () => assert.deepEqual(parseConfirmation(cnf), want))
}

for (const [algorithm, pair] of [
  ['ES256', holder],
  ['ES384', generateKeyPairSync('ec', { namedCurve: 'P-384' })],
  ['ES512', generateKeyPairSync('ec', { namedCurve: 'P-521' })],
  ['EdDSA', generateKeyPairSync('ed25519')],
  ['PS256', rsa],
] as const) {
  test(`${algorithm}: the thumbprint is the one of RFC 7638`, async () => {
    const exported = pair.publicKey.export({ format: 'jwk' })
    const key = readProofKey({ use: 'sig', kid: 'x', ...exported } as never, algorithm)
    assert.equal(key?.thumbprint, await calculateJwkThumbprint(exported))
  })
}

test('the thumbprint of RFC 7638, section 3.1', () => {
  const n =
    '0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw'
  const key = readProofKey({ kty: 'RSA', n, e: 'AQAB', alg: 'RS256', kid: '2011-04-29' }, 'RS256')
  assert.equal(key?.thumbprint, 'NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs')
})

for (const [name, odd, algorithm] of [
  ['a point that is not on the curve', { ...jwk, y: jwk.x }, 'ES256'],
  ['a coordinate with a zero in front', { ...jwk, x: `AA${jwk.x}` }, 'ES256'],
  ['another curve', { ...jwk, crv: 'secp256k1' }, 'ES256'],
  ['a key for encryption', { ...jwk, use: 'enc' }, 'ES256'],
  ['a key for another algorithm', { ...jwk, alg: 'ES384' }, 'ES256'],
  ['a small-order point', { kty: 'OKP', crv: 'Ed25519', x: 'A'.repeat(43) }, 'EdDSA'],
  ['X25519', { ...generateKeyPairSync('x25519').publicKey.export({ format: 'jwk' }) }, 'EdDSA'],
  [
    'RSA of 1024 bits',
    generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ format: 'jwk' }),
    'PS256',
  ],
  ['RSA with exponent 3', { ...rsa.publicKey.export({ format: 'jwk' }), e: 'Aw' }, 'PS256'],
] as const) {
  test(`no key: ${name}`, () => assert.equal(readProofKey(odd as never, algorithm), undefined))
}

for (const [url, want] of [
  ['https://a', 'https://a/'],
  ['https://a:', 'https://a/'],
  ['http://A:80/x', 'http://a/x'],
  ['http://a:443/', 'http://a:443/'],
  ['https://[2001:DB8::1]/', 'https://[2001:db8::1]/'],
  ['https://a/%7e%2f', 'https://a/~%2F'],
  ['https://a/%', undefined],
  ['https://a:0443/', undefined],
  ['https://a/\u00e4', undefined],
  ['https://a/ b', undefined],
  ['https://a/..', undefined],
  ['https://a/%2e%2e/b', undefined],
  ['ftp://a/', undefined],
] as const) {
  test(`the one spelling of ${url}`, () => assert.equal(normaliseUrl(url), want))
}
