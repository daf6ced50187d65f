import assert from 'node:assert/strict'
import { generateKeyPairSync, hash, type KeyObject, sign } from 'node:crypto'
import { test } from 'node:test'
import type { Identification } from '../authenticator.ts'
import { MemoryReplayStore } from '../dpop/replay-store.ts'
import { Presented } from '../presented.ts'
import { parseContentDigest } from './content-digest.ts'
import { httpSignatures } from './signature-authenticator.ts'
import { signatureBase } from './signature-base.ts'
import { signaturesSchema } from './signature-config.ts'
import { readSignatureKeys } from './signature-keys.ts'
import { formatInnerList, type InnerList, parseDictionary } from './structured-fields.ts'

// Keys, request and signatures of RFC 9421, appendix B.
const ED25519_KEY = `-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=
-----END PUBLIC KEY-----`
const P256_KEY = `-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEqIVYZVLCrPZHGHjP17CTW0/+D9Lf
w0EkjqF7xB4FivAxzic30tMM4GF+hR6Dxh71Z50VGGdldkkDXZCnTNnoXQ==
-----END PUBLIC KEY-----`
const VECTOR_FIELDS: readonly (readonly [string, string])[] = [
  ['Host', 'example.com'],
  ['Date', 'Tue, 20 Apr 2021 02:07:55 GMT'],
  ['Content-Type', 'application/json'],
  [
    'Content-Digest',
    'sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:',
  ],
  ['Content-Length', '18'],
]
const VECTOR_URL = 'https://example.com/foo?param=Value&Pet=dog'
const key = (id: string, publicKey: string): object => ({ id, publicKey, principal: 'batch' })
const vectorKeys = signaturesSchema.parse({
  name: 'vectors',
  keys: [key('test-key-ed25519', ED25519_KEY), key('test-key-ecc-p256', P256_KEY)],
}).keys

function presentedVector(fields = VECTOR_FIELDS): Presented {
  const peer = { address: '192.0.2.1' }
  const asked = { method: 'POST', url: () => VECTOR_URL, fields, hasBody: true, peer, atUs: 0 }
  return new Presented(asked)
}

function inputOf(text: string): InnerList {
  const input = parseDictionary([`sig=${text}`])?.get('sig')
  assert.ok(input !== undefined && 'items' in input)
  return input
}

test('RFC 9421, B.2.6: a request signed with Ed25519', () => {
  const input = inputOf(
    '("date" "@method" "@path" "@authority" "content-type" "content-length")' +
      ';created=1618884473;keyid="test-key-ed25519"',
  )
  const based = signatureBase(input, presentedVector())
  assert.ok(typeof based === 'object')
  assert.equal(
    based.base,
    [
      '"date": Tue, 20 Apr 2021 02:07:55 GMT',
      '"@method": POST',
      '"@path": /foo',
      '"@authority": example.com',
      '"content-type": application/json',
      '"content-length": 18',
      '"@signature-params": ("date" "@method" "@path" "@authority" "content-type" ' +
        '"content-length");created=1618884473;keyid="test-key-ed25519"',
    ].join('\n'),
  )
  const signature = Buffer.from(
    'wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==',
    'base64',
  )
  const known = readSignatureKeys(vectorKeys, 'vectors').get('test-key-ed25519')
  assert.equal(known?.verify(Buffer.from(based.base), signature), true)
})

test('RFC 9421, B.2.4: a signature with ECDSA over P-256', () => {
  const base = [
    '"@status": 200',
    '"content-type": application/json',
    '"content-digest": ' +
      'sha-512=:mEWXIS7MaLRuGgxOBdODa3xqM1XdEvxoYhvlCFJ41QJgJc4GTsPp29l5oGX69wWdXymyU0rjJuahq4l5aGgfLQ==:',
    '"content-length": 23',
    '"@signature-params": ("@status" "content-type" "content-digest" "content-length")' +
      ';created=1618884473;keyid="test-key-ecc-p256"',
  ].join('\n')
  const signature = Buffer.from(
    'wNmSUAhwb5LxtOtOpNa6W5xj067m5hFrj0XQ4fvpaCLx0NKocgPquLgyahnzDnDAUy5eCdlYUEkLIj+32oiasw==',
    'base64',
  )
  const known = readSignatureKeys(vectorKeys, 'vectors').get('test-key-ecc-p256')
  assert.equal(known?.verify(Buffer.from(base), signature), true)
  assert.equal(known?.verify(Buffer.from(`${base} `), signature), false)
})

test('RFC 9421, B.2.2: the base of a signature over a query parameter and a digest', () => {
  const text =
    '("@authority" "content-digest" "@query-param";name="Pet");created=1618884473' +
    ';keyid="test-key-rsa-pss";tag="header-example"'
  const based = signatureBase(inputOf(text), presentedVector())
  assert.ok(typeof based === 'object')
  assert.equal(
    based.base,
    [
      '"@authority": example.com',
      `"content-digest": ${VECTOR_FIELDS[3]?.[1]}`,
      '"@query-param";name="Pet": dog',
      `"@signature-params": ${text}`,
    ].join('\n'),
  )
})

test('RFC 9421, B.2: the digest of the request is that of its body', () => {
  const found = parseContentDigest([VECTOR_FIELDS[3]?.[1] ?? ''])
  assert.equal(found?.algorithm, 'sha-512')
  assert.deepEqual(Buffer.from(found?.digest ?? []), hash('sha512', '{"hello": "world"}', 'buffer'))
})

for (const [component, want] of [
  ['"@target-uri"', VECTOR_URL],
  ['"@scheme"', 'https'],
  ['"@request-target"', '/foo?param=Value&Pet=dog'],
  ['"@query"', '?param=Value&Pet=dog'],
  ['"date";bs', `:${Buffer.from('Tue, 20 Apr 2021 02:07:55 GMT').toString('base64')}:`],
  ['"@query-param";name="none"', 'signature-component-missing'],
  ['"x-missing"', 'signature-component-missing'],
  ['"@status"', 'signature-component'],
  ['"@signature-params"', 'signature-component'],
  ['"@method";req', 'signature-component'],
  ['"date";sf', 'signature-component'],
  ['"date";tr', 'signature-component'],
  ['"Date"', 'signature-component'],
  ['"date" "date"', 'signature-component'],
  ['date', 'signature-component'],
] as const) {
  test(`component ${component}: ${want}`, () => {
    const based = signatureBase(inputOf(`(${component})`), presentedVector())
    const line = typeof based === 'string' ? based : based.base.split('\n')[0]
    assert.equal(line, typeof based === 'string' ? want : `${component}: ${want}`)
  })
}

for (const [text, want] of [
  ['a=(  "b"   "c";x;y=1 );z="\\"q"', '("b" "c";x;y=1);z="\\"q"'],
  ['a=()', '()'],
  ['a=("b");c=?0;d=:AA==:;e=tok/en:1', '("b");c=?0;d=:AA==:;e=tok/en:1'],
  ['a=("b"', undefined],
  ['a=("b""c")', undefined],
  ['a=("b");x=1;x=2', undefined],
  ['a=("b"), a=("c")', undefined],
  ['a=("b"),', undefined],
  ['a=("b");c=:AB==:', undefined],
  ['a=("b");c=1.5', undefined],
  ['a=("b");c=1234567890123456', undefined],
  ['A=("b")', undefined],
  ['a=("b\u00e4")', undefined],
  ['', undefined],
] as const) {
  test(`a dictionary: ${text}`, () => {
    const read = parseDictionary([text])?.get('a')
    assert.equal(read && 'items' in read ? formatInnerList(read) : undefined, want)
  })
}

const NOW_US = Date.parse('2026-11-21T12:00:00Z') * 1000
const NOW_S = NOW_US / 1e6
const pairs = {
  ed: generateKeyPairSync('ed25519'),
  ec: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
}
const pem = ({ publicKey }: { readonly publicKey: KeyObject }): string =>
  publicKey.export({ type: 'spki', format: 'pem' }).toString()
const config = signaturesSchema.parse({
  name: 'machines',
  keys: [
    { ...key('ed', pem(pairs.ed)), groups: ['batch'] },
    key('ec', pem(pairs.ec)),
    { ...key('gone', pem(pairs.ed)), expires: '2026-11-21T11:59:59Z' },
  ],
})

interface Signing {
  readonly keyId?: string
  readonly pair?: 'ed' | 'ec'
  readonly components?: string
  readonly parameters?: string
  readonly method?: string
  readonly url?: string
  readonly fields?: readonly (readonly [string, string])[]
  /** A body comes. */
  readonly hasBody?: boolean
  /** What arrives instead of what was signed. */
  readonly arriving?: {
    readonly method?: string
    readonly url?: string
    readonly fields?: readonly (readonly [string, string])[]
  }
  readonly bend?: (input: string, signature: string) => readonly (readonly [string, string])[]
}

let nonces = 0

function signed(signing: Signing): Presented {
  const { pair = 'ed', keyId = pair, components = '"@method" "@target-uri"' } = signing
  nonces += 1
  const { parameters = `;created=${NOW_S};keyid="${keyId}";nonce="n${nonces}"` } = signing
  const {
    method = 'GET',
    url = 'https://api.example/orders/7',
    fields = [],
    hasBody = false,
  } = signing
  const peer = { address: '192.0.2.1' }
  const asked = { method, url: () => url, fields, hasBody, peer, atUs: NOW_US }
  const input = `(${components})${parameters}`
  const list = parseDictionary([`s=${input}`])?.get('s')
  const based = list && 'items' in list ? signatureBase(list, new Presented(asked)) : ''
  const base = Buffer.from(typeof based === 'string' ? based : based.base)
  const { privateKey } = pairs[pair]
  const signature =
    pair === 'ed'
      ? sign(null, base, privateKey)
      : sign('sha256', base, { key: privateKey, dsaEncoding: 'ieee-p1363' })
  const { bend = plainFields, arriving = {} } = signing
  const shown = bend(`s=${input}`, `s=:${signature.toString('base64')}:`)
  const arrived = { ...asked, ...arriving, url: () => arriving.url ?? url }
  return new Presented({ ...arrived, fields: [...arrived.fields, ...shown] })
}

function plainFields(input: string, signature: string): readonly (readonly [string, string])[] {
  return [
    ['Signature-Input', input],
    ['Signature', signature],
  ]
}

const START_US = NOW_US - 600e6

function noncesSince(nowUs: number, entriesMax = 100): MemoryReplayStore {
  return new MemoryReplayStore({ nowUs, windowMs: 60_000, aheadMs: 5000, entriesMax })
}

async function identify(presented: Presented, settings: object = {}): Promise<Identification> {
  return httpSignatures({ ...config, ...settings }, noncesSince(START_US)).authenticate(presented)
}

function seen(found: Identification): string {
  return found.known ? `accepted ${found.principal.id}` : `${found.reason} ${found.fault}`
}

const BODY = '{"a":1}'
const withBody = [
  ['Content-Length', '7'],
  ['Content-Digest', `sha-256=:${hash('sha256', BODY, 'base64')}:`],
] as const
const twoParameters = ';created=1;keyid="ed";nonce="a"'

const ROWS: readonly (readonly [string, Signing, string])[] = [
  ['a request signed with Ed25519', {}, 'accepted batch'],
  ['a request signed with P-256', { pair: 'ec' }, 'accepted batch'],
  [
    'authority, path and query instead of the whole',
    {
      url: 'https://api.example:443/orders?a=1',
      components: '"@method" "@authority" "@path" "@query"',
    },
    'accepted batch',
  ],
  [
    'a query that is not covered',
    { url: 'https://api.example/orders?a=1', components: '"@method" "@authority" "@path"' },
    'signature-invalid signature-coverage',
  ],
  [
    'a field that is covered, and ends at the connection',
    {
      components: '"@method" "@target-uri" "x-tenant"',
      fields: [['X-Tenant', 'a']],
      arriving: {
        fields: [
          ['X-Tenant', 'a'],
          ['Connection', 'close, X-Tenant'],
        ],
      },
    },
    'signature-invalid signature-component',
  ],
  ['no method', { components: '"@target-uri"' }, 'signature-invalid signature-coverage'],
  ['no authority', { components: '"@method" "@path"' }, 'signature-invalid signature-coverage'],
  [
    'a body whose digest is covered',
    {
      method: 'POST',
      fields: withBody,
      hasBody: true,
      components: '"@method" "@target-uri" "content-digest"',
    },
    'accepted batch',
  ],
  [
    'a body whose digest is not covered',
    { method: 'POST', fields: withBody, hasBody: true },
    'signature-invalid signature-coverage',
  ],
  [
    'a body that no field tells of, without a digest',
    { method: 'POST', hasBody: true },
    'signature-invalid signature-coverage',
  ],
  [
    'a digest of an algorithm nobody trusts',
    {
      method: 'POST',
      fields: [
        ['Content-Length', '7'],
        ['Content-Digest', 'md5=:AAAAAAAAAAAAAAAAAAAAAA==:'],
      ],
      components: '"@method" "@target-uri" "content-digest"',
    },
    'signature-invalid signature-digest',
  ],
  ['another method arrives', { arriving: { method: 'PUT' } }, 'signature-invalid signature-wrong'],
  [
    'another path arrives',
    { arriving: { url: 'https://api.example/orders/8' } },
    'signature-invalid signature-wrong',
  ],
  [
    'another host arrives',
    { arriving: { url: 'https://other.example/orders/7' } },
    'signature-invalid signature-wrong',
  ],
  [
    'another value of a covered field arrives',
    {
      components: '"@method" "@target-uri" "x-a"',
      fields: [['X-A', '1']],
      arriving: {
        fields: [
          ['X-A', '1'],
          ['X-A', '2'],
        ],
      },
    },
    'signature-invalid signature-wrong',
  ],
  ['a key nobody knows', { keyId: 'eve' }, 'signature-invalid signature-key-unknown'],
  ['the key of somebody else', { keyId: 'ec' }, 'signature-invalid signature-wrong'],
  ['a key that has expired', { keyId: 'gone' }, 'credentials-expired undefined'],
  [
    'another algorithm than the key\u2019s',
    { parameters: `;created=${NOW_S};keyid="ed";nonce="x";alg="ecdsa-p256-sha256"` },
    'signature-invalid signature-algorithm',
  ],
  [
    'a secret-key algorithm',
    { parameters: `;created=${NOW_S};keyid="ed";nonce="x";alg="hmac-sha256"` },
    'signature-invalid signature-algorithm',
  ],
  ...(
    [
      [-60, 'accepted batch'],
      [-61, 'signature-invalid signature-old'],
      [5, 'accepted batch'],
      [6, 'signature-invalid signature-ahead'],
    ] as const
  ).map(
    ([s, want]) =>
      [
        `created ${s} s from now`,
        { parameters: `;created=${NOW_S + s};keyid="ed";nonce="at ${s}"` },
        want,
      ] as const,
  ),
  [
    'past its own expiry',
    { parameters: `;created=${NOW_S - 2};expires=${NOW_S};keyid="ed";nonce="x"` },
    'signature-invalid signature-expired',
  ],
  ['no created', { parameters: ';keyid="ed";nonce="x"' }, 'signature-invalid signature-parameters'],
  [
    'no keyid',
    { parameters: `;created=${NOW_S};nonce="x"` },
    'signature-invalid signature-parameters',
  ],
  [
    'created as a string',
    { parameters: `;created="${NOW_S}";keyid="ed";nonce="x"` },
    'signature-invalid signature-parameters',
  ],
  [
    'keyid as a token',
    { parameters: `;created=${NOW_S};keyid=ed;nonce="x"` },
    'signature-invalid signature-parameters',
  ],
  ['no nonce', { parameters: `;created=${NOW_S};keyid="ed"` }, 'signature-invalid signature-nonce'],
  [
    'two signatures',
    {
      bend: (input, signature) =>
        plainFields(`${input}, t=("@method")${twoParameters}`, `${signature}, t=:AA==:`),
    },
    'signature-invalid signature-ambiguous',
  ],
  [
    'an input for another label',
    { bend: (input, signature) => plainFields(`t${input.slice(1)}`, signature) },
    'signature-invalid signature-form',
  ],
  [
    'no input',
    { bend: (_, signature) => [['Signature', signature]] },
    'signature-invalid signature-form',
  ],
  [
    'no signature',
    { bend: (input) => [['Signature-Input', input]] },
    'signature-invalid signature-form',
  ],
  [
    'a signature one byte short',
    { bend: (input) => plainFields(input, `s=:${Buffer.alloc(63).toString('base64')}:`) },
    'signature-invalid signature-wrong',
  ],
  [
    'a signature of zeros',
    {
      pair: 'ec',
      bend: (input) => plainFields(input, `s=:${Buffer.alloc(64).toString('base64')}:`),
    },
    'signature-invalid signature-wrong',
  ],
  [
    'components without end',
    { components: `"@method" "@target-uri"${' "@path"'.repeat(70)}` },
    'signature-invalid signature-length',
  ],
  [
    'fields without end',
    { parameters: `;created=${NOW_S};keyid="ed";nonce="${'x'.repeat(9000)}"` },
    'signature-invalid signature-length',
  ],
]

for (const [name, signing, want] of ROWS) {
  test(`${name}: ${want}`, async () => assert.equal(seen(await identify(signed(signing))), want))
}

test('what is known: principal, key and the proof that it signed this request', async () => {
  const fields = withBody
  const components = '"@method" "@target-uri" "content-digest"'
  const found = await identify(signed({ method: 'POST', fields, components }))
  assert.ok(found.known)
  const { proof = '', ...credential } = found.credential ?? {}
  assert.deepEqual(found.principal.groups, ['batch'])
  assert.deepEqual(credential, { method: 'http-signature', id: 'ed', expiresAtUs: undefined })
  assert.match(proof, /^"@method": POST\n"@target-uri": https:.*\n"@signature": :[^:]+:$/s)
  const [, base = '', signature = ''] = /^(.*)\n"@signature": :(.*):$/s.exec(proof) ?? []
  const bytes = Buffer.from(signature, 'base64')
  const known = readSignatureKeys(config.keys, 'machines').get('ed')
  assert.equal(known?.verify(Buffer.from(base), bytes), true)
  assert.deepEqual(Buffer.from(found.bodyDigest?.digest ?? []), hash('sha256', BODY, 'buffer'))
})

test('a nonce is taken once, and not if it may have been before the start', async () => {
  const once = httpSignatures(config, noncesSince(START_US))
  const request = signed({})
  assert.equal(seen(await once.authenticate(request)), 'accepted batch')
  assert.equal(seen(await once.authenticate(request)), 'proof-replayed signature-replayed')
  const young = httpSignatures(config, noncesSince(NOW_US - 1e6))
  assert.equal(seen(await young.authenticate(signed({}))), 'proof-replayed signed-before-start')
})

test('nonces that nobody can remember any more are refused', async () => {
  const small = httpSignatures(config, noncesSince(START_US, 1))
  assert.equal(seen(await small.authenticate(signed({}))), 'accepted batch')
  assert.equal(seen(await small.authenticate(signed({}))), 'proof-unavailable signature-store-full')
})

test('what the configuration asks for beside the rest', async () => {
  const settings = { components: ['x-tenant'], nonce: 'optional' }
  const parameters = `;created=${NOW_S};keyid="ed"`
  const without = await identify(signed({ parameters }), settings)
  assert.equal(seen(without), 'signature-invalid signature-coverage')
  const components = '"@method" "@target-uri" "x-tenant"'
  const fields = [['X-Tenant', 'a']] as const
  const found = await identify(signed({ parameters, components, fields }), settings)
  assert.equal(seen(found), 'accepted batch')
})

for (const [name, publicKey, want] of [
  ['RSA', pem(generateKeyPairSync('rsa', { modulusLength: 2048 })), /neither/],
  ['P-384', pem(generateKeyPairSync('ec', { namedCurve: 'P-384' })), /neither/],
  ['not a key', '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----', /no public key/],
] as const) {
  test(`does not load: ${name}`, () => {
    const keys = [{ ...config.keys[0], publicKey }] as typeof config.keys
    assert.throws(() => readSignatureKeys(keys, 'x'), want)
  })
}

test('does not load: two keys of one id', () => {
  assert.throws(() => readSignatureKeys([...config.keys, ...config.keys], 'x'), /twice/)
})

test('blanks in the midst of a field cost whoever reads it no more than other characters', () => {
  const value = `a${' '.repeat(100_000)}b`
  const began = performance.now()
  assert.equal(parseDictionary([value]), undefined)
  const based = signatureBase(inputOf('("x")'), presentedVector([['X', ` \t${value}\t `]]))
  assert.equal(typeof based === 'object' && based.base.split('\n')[0], `"x": ${value}`)
  const tookMs = performance.now() - began
  assert.ok(tookMs < 20_000, `${tookMs} ms`)
})
