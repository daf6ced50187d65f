// Tokens that must be refused, and a few that must not: each row says which rule decides. None of
// the refused ones makes the gateway ask anybody outside, but for a key that nobody has heard of.
import assert from 'node:assert/strict'
import { createPublicKey, createSecretKey } from 'node:crypto'
import { after, before, test } from 'node:test'
import { type Asking, openAsking } from './asking.ts'
import {
  base64url,
  type Claims,
  ecKey,
  edKey,
  type Header,
  published,
  rsaKey,
  signatureOf,
  signTexts,
  signToken,
  startIssuer,
  type TestIssuer,
} from './issuer.ts'

const AUDIENCE = 'https://api.example'
const ec = ecKey('a1')
const rsa = rsaKey('r1')
const ed = edKey('e1')
const ec384 = ecKey('p384', 'P-384', 'ES256')
const pssOnly = rsaKey('pss', 2048, 'RS256')
const encryption = ecKey('enc')
const signOnly = ecKey('ops')
const twice = ecKey('twice')
const other = ecKey('b1')
const stranger = ecKey('a1')
const secret = createSecretKey(Buffer.alloc(32, 7))
const issuerA = await startIssuer([
  published(ec),
  published(rsa),
  published(ed),
  published(ec384),
  published(pssOnly, { alg: 'PS256' }),
  published(encryption, { use: 'enc' }),
  published(signOnly, { key_ops: ['sign'] }),
  published(twice),
  published(ecKey('twice')),
  { kty: 'oct', k: base64url(Buffer.alloc(32, 7)), kid: 'oct1' },
])
const issuerB = await startIssuer([published(other)])
const plain = await startIssuer([published(ec)])
let asking: Asking
let nowSeconds = 0

before(async () => {
  const at = { audiences: [AUDIENCE], allowLoopbackHttp: true }
  asking = await openAsking([
    { ...at, name: 'a', issuer: issuerA.url, clients: ['app', 'batch'] },
    { ...at, name: 'b', issuer: issuerB.url },
    { ...at, name: 'plain', issuer: plain.url, profile: 'jwt' },
  ])
  nowSeconds = Math.floor(asking.clock.nowUs() / 1_000_000)
  // The sets are had, and the one refresh for unknown keys is used up, before a row is asked.
  for (const issuer of [issuerA, issuerB, plain]) await asking.ask(bearer(good({}, {}, issuer)))
})
after(async () => {
  await asking.close()
  for (const issuer of [issuerA, issuerB, plain]) await issuer.close()
})

const HEADER: Header = { alg: 'ES256', typ: 'at+jwt', kid: 'a1' }

function claims(more: Claims = {}, issuer: TestIssuer = issuerA): Claims {
  return {
    iss: issuer.url,
    aud: AUDIENCE,
    sub: 'ada',
    client_id: 'app',
    jti: 'token-1',
    iat: nowSeconds,
    exp: nowSeconds + 600,
    scope: 'read write',
    ...more,
  }
}

function good(header: Header = {}, more: Claims = {}, issuer: TestIssuer = issuerA): string {
  return signToken({ ...HEADER, ...header }, claims(more, issuer), issuer === issuerB ? other : ec)
}

function without(...names: readonly string[]): string {
  const kept = Object.entries(claims()).filter(([name]) => !names.includes(name))
  return signToken(HEADER, Object.fromEntries(kept), ec)
}

function bearer(token: string): string {
  return `Bearer ${token}`
}

/** The token with one part as `change` makes it, its signature left as it is. */
function changed(part: 0 | 1 | 2, change: (text: string) => string): string {
  return good()
    .split('.')
    .map((text, at) => (at === part ? change(text) : text))
    .join('.')
}

/** RS256 became HS256: the public key, which everybody has, as the secret. */
function confused(publicText: string | Uint8Array): string {
  const header = base64url(JSON.stringify({ ...HEADER, alg: 'HS256', kid: 'r1' }))
  const input = `${header}.${base64url(JSON.stringify(claims()))}`
  const key = createSecretKey(Buffer.from(publicText))
  return `${input}.${base64url(signatureOf(input, key, 'HS256'))}`
}

const rsaPublic = createPublicKey(rsa.privateKey)
const pem = rsaPublic.export({ type: 'spki', format: 'pem' }).toString()

function unsigned(alg: unknown, keepSignature: boolean): string {
  const signature = keepSignature ? (good().split('.')[2] ?? '') : ''
  const header = base64url(JSON.stringify({ ...HEADER, alg }))
  return `${header}.${base64url(JSON.stringify(claims()))}.${signature}`
}

/** The payload as a text of its own, signed. */
function payload(text: string | Uint8Array): string {
  return signTexts(JSON.stringify(HEADER), text, ec)
}

function claimsText(find: string, replacement: string): string {
  return JSON.stringify(claims()).replace(find, replacement)
}

function signature(bytes: Uint8Array): string {
  return `${good().split('.').slice(0, 2).join('.')}.${base64url(bytes)}`
}

/** The other signature of the same token: s is replaced by n - s. */
function highS(): string {
  const n = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n
  for (;;) {
    const token = good({}, { sub: 'twin', jti: `${process.hrtime.bigint()}` })
    const [header, body, text = ''] = token.split('.')
    const bytes = Buffer.from(text, 'base64url')
    const s = BigInt(`0x${bytes.subarray(32).toString('hex')}`)
    const flipped = Buffer.from((n - s).toString(16).padStart(64, '0'), 'hex')
    if (n - s > s)
      return `${header}.${body}.${base64url(Buffer.concat([bytes.subarray(0, 32), flipped]))}`
  }
}

function derSignature(): Uint8Array {
  const raw = Buffer.from(good().split('.')[2] ?? '', 'base64url')
  const integer = (bytes: Buffer): Buffer => Buffer.concat([Buffer.from([2, 33, 0]), bytes])
  const body = Buffer.concat([integer(raw.subarray(0, 32)), integer(raw.subarray(32))])
  return Buffer.concat([Buffer.from([0x30, body.length]), body])
}

const ZERO = new Uint8Array(32)
const ORDER = Buffer.from('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551', 'hex')

type Row = readonly [code: string, name: string, token: () => string, want: string]

const rows: readonly Row[] = [
  ['', 'a token as it should be', () => good(), 'a:ada'],
  ['', 'one of the other issuer', () => good({ kid: 'b1' }, {}, issuerB), 'b:ada'],
  [
    '',
    'signed with RSA',
    () => signToken({ ...HEADER, alg: 'RS256', kid: 'r1' }, claims(), rsa),
    'a:ada',
  ],
  [
    '',
    'signed with Ed25519',
    () => signToken({ ...HEADER, alg: 'EdDSA', kid: 'e1' }, claims(), ed),
    'a:ada',
  ],
  ...['none', 'None', 'nOnE', ''].flatMap((alg): Row[] => [
    [
      'J01',
      `alg ${JSON.stringify(alg)} without a signature`,
      () => unsigned(alg, false),
      'header-algorithm',
    ],
    [
      'J01',
      `alg ${JSON.stringify(alg)} with a signature`,
      () => unsigned(alg, true),
      'header-algorithm',
    ],
  ]),
  ['J02', 'HS256 with the PEM of the public key', () => confused(pem), 'header-algorithm'],
  ['J02', 'HS256 with the PEM, no line end', () => confused(pem.trimEnd()), 'header-algorithm'],
  [
    'J02',
    'HS256 with the DER',
    () => confused(rsaPublic.export({ type: 'spki', format: 'der' })),
    'header-algorithm',
  ],
  ['J02', 'HS256 with the JWK', () => confused(JSON.stringify(rsa.jwk)), 'header-algorithm'],
  [
    'J02',
    'HS256 with the modulus',
    () => confused(Buffer.from(String(rsa.jwk.n), 'base64url')),
    'header-algorithm',
  ],
  [
    'J04',
    'an algorithm that is not on the list',
    () => signToken({ ...HEADER, alg: 'RS512', kid: 'r1' }, claims(), { ...rsa, alg: 'RS512' }),
    'header-algorithm',
  ],
  ['J04', 'an algorithm that is a number', () => good({ alg: 256 }), 'header-algorithm'],
  [
    'J05',
    'ES256 with a key of P-384',
    () => signToken({ ...HEADER, kid: 'p384' }, claims(), ec384),
    'signature',
  ],
  [
    'J05',
    'ES256 with a P-384 key, cut to length',
    () =>
      `${signToken({ ...HEADER, kid: 'p384' }, claims(), ec384)
        .split('.')
        .slice(0, 2)
        .join('.')}.${base64url(new Uint8Array(64).fill(1))}`,
    'key-unknown',
  ],
  [
    'J05',
    'EdDSA with an EC key',
    () => signToken({ ...HEADER, alg: 'EdDSA' }, claims(), { ...ed, alg: 'EdDSA' }),
    'key-unknown',
  ],
  [
    'J05',
    'RS256 with a key for PS256',
    () => signToken({ ...HEADER, alg: 'RS256', kid: 'pss' }, claims(), pssOnly),
    'key-unknown',
  ],
  [
    'J05',
    'PS256 with a key for PS256',
    () =>
      signToken({ ...HEADER, alg: 'PS256', kid: 'pss' }, claims(), { ...pssOnly, alg: 'PS256' }),
    'a:ada',
  ],
  [
    'J06',
    'a key for encryption',
    () => signToken({ ...HEADER, kid: 'enc' }, claims(), encryption),
    'key-unknown',
  ],
  [
    'J06',
    'a key whose operations leave out verify',
    () => signToken({ ...HEADER, kid: 'ops' }, claims(), signOnly),
    'key-unknown',
  ],
  ...(
    [
      ['a path', '../../../dev/null', 'key-unknown'],
      ['SQL', "x'--", 'key-unknown'],
      ['a shell', 'x;$(id)', 'key-unknown'],
      ['a URL', 'https://evil.example/jwks', 'key-unknown'],
      ['of white space', 'a b', 'header-key'],
      ['of 10,000 characters', 'k'.repeat(10_000), 'header-key'],
      ['a number', 1, 'header-key'],
      ['an array', ['a1'], 'header-key'],
      ['an object', { a1: 1 }, 'header-key'],
      ['null', null, 'header-key'],
      ['empty', '', 'header-key'],
    ] as const
  ).map(([name, kid, want]): Row => ['J07', `a kid that is ${name}`, () => good({ kid }), want]),
  ['J08', 'a kid that nobody has heard of', () => good({ kid: 'unknown' }), 'key-unknown'],
  [
    'J09',
    'a kid that two keys have',
    () => signToken({ ...HEADER, kid: 'twice' }, claims(), twice),
    'key-ambiguous',
  ],
  [
    'J10',
    'no kid: the key of that kind',
    () => signToken({ alg: 'EdDSA', typ: 'at+jwt' }, claims(), ed),
    'a:ada',
  ],
  [
    'J10',
    'no kid: none of the keys',
    () => signToken({ alg: 'ES256', typ: 'at+jwt' }, claims(), stranger),
    'signature',
  ],
  ['J11', 'jku is not followed', () => good({ jku: `${issuerB.url}/jwks` }), 'a:ada'],
  [
    'J11',
    'jku of a key of its own',
    () => signToken({ ...HEADER, kid: 'b1', jku: `${issuerB.url}/jwks` }, claims(), other),
    'key-unknown',
  ],
  [
    'J11',
    'x5u of a key of its own',
    () => signToken({ ...HEADER, kid: 'b1', x5u: `${issuerB.url}/x` }, claims(), other),
    'key-unknown',
  ],
  [
    'J12',
    'an embedded key',
    () => signToken({ ...HEADER, jwk: stranger.jwk }, claims(), stranger),
    'signature',
  ],
  [
    'J13',
    'an embedded certificate',
    () => signToken({ ...HEADER, x5c: ['MIIB'] }, claims(), stranger),
    'signature',
  ],
  ...(
    [
      ['unknown', ['urn:x']],
      ['empty', []],
      ['a registered name', ['alg']],
      ['of what is not there', ['exp']],
      ['no array', 'exp'],
    ] as const
  ).map(([name, crit]): Row => ['J14', `crit: ${name}`, () => good({ crit }), 'header-critical']),
  ['J15', 'b64: false', () => good({ b64: false, crit: ['b64'] }), 'header-critical'],
  ['J15', 'b64: false, not critical', () => good({ b64: false }), 'header-critical'],
  ['J16', 'typ JWT', () => good({ typ: 'JWT' }), 'header-type'],
  ['J16', 'no typ', () => good({ typ: undefined }), 'header-type'],
  ['J16', 'typ application/at+jwt', () => good({ typ: 'application/AT+JWT' }), 'a:ada'],
  ['J16', 'typ at+jwt and more', () => good({ typ: 'at+jwt;x' }), 'header-type'],
  ['J17', 'an ID token', () => good({ typ: 'JWT' }, { nonce: 'n', at_hash: 'h' }), 'header-type'],
  [
    'J17',
    'an ID token, where typ is not looked at',
    () => good({ typ: 'JWT' }, { nonce: 'n' }, plain),
    'token-kind',
  ],
  ['J18', 'a logout token', () => good({ typ: 'logout+jwt' }, { events: {} }), 'header-type'],
  ['J18', 'a logout token of another type', () => good({}, { events: {} }), 'token-kind'],
  [
    'J18',
    'a proof of possession',
    () => good({ typ: 'dpop+jwt' }, { htu: 'x', htm: 'GET' }),
    'header-type',
  ],
  [
    'J18',
    'a logout token of no type',
    () => good({ typ: undefined }, { events: {} }, plain),
    'token-kind',
  ],
  [
    'J19',
    'an encrypted token',
    () => `${base64url('{"alg":"dir","enc":"A256GCM","zip":"DEF"}')}..AAAA.AAAA.AAAA`,
    'token-form',
  ],
  ['J19', 'zip in a signed token', () => good({ zip: 'DEF' }), 'token-form'],
  ['J20', 'no exp', () => without('exp'), 'times'],
  [
    'J21',
    'expired by the tolerance and a second',
    () => good({}, { exp: nowSeconds - 31, iat: nowSeconds - 60 }),
    'expired',
  ],
  [
    'J21',
    'expired by the tolerance less some',
    () => good({}, { exp: nowSeconds - 20, iat: nowSeconds - 60 }),
    'a:ada',
  ],
  ...(['"9999999999"', '-1', 'null', 'true', '[1]', '99999999999999999999'] as const).map(
    (exp): Row => [
      'J22',
      `exp ${exp}`,
      () => payload(claimsText(`"exp":${nowSeconds + 600}`, `"exp":${exp}`)),
      'times',
    ],
  ),
  [
    'J22',
    'exp with a fraction',
    () => payload(claimsText(`"exp":${nowSeconds + 600}`, `"exp":${nowSeconds + 600}.5`)),
    'token-json',
  ],
  [
    'J22',
    'exp 1e309',
    () => payload(claimsText(`"exp":${nowSeconds + 600}`, '"exp":1e309')),
    'token-json',
  ],
  [
    'J22',
    'exp with an exponent',
    () => payload(claimsText(`"exp":${nowSeconds + 600}`, '"exp":2e9')),
    'token-json',
  ],
  ['J23', 'nbf in the future', () => good({}, { nbf: nowSeconds + 120 }), 'not-yet-valid'],
  ['J23', 'nbf within the tolerance', () => good({}, { nbf: nowSeconds + 20 }), 'a:ada'],
  ['J23', 'nbf as a text', () => good({}, { nbf: '1' }), 'times'],
  ['J24', 'iat in the future', () => good({}, { iat: nowSeconds + 120 }), 'not-yet-valid'],
  ['J24', 'no iat', () => without('iat'), 'times'],
  ['J25', 'a life of more than a day', () => good({}, { exp: nowSeconds + 86_401 }), 'lifetime'],
  [
    'J25',
    'a long life, when iat is left out',
    () => good({ typ: 'JWT' }, { iat: undefined, exp: nowSeconds + 90_000 }, plain),
    'lifetime',
  ],
  ['J26', 'no aud', () => without('aud'), 'audience'],
  ...(
    [
      ['without us', ['https://other.example']],
      ['with us as a substring', `x${AUDIENCE}x`],
      ['with us as a prefix', `${AUDIENCE}.evil.example`],
      ['in another case', AUDIENCE.toUpperCase()],
      ['with a slash at its end', `${AUDIENCE}/`],
      ['of numbers beside us', [AUDIENCE, 1]],
      ['an object', { [AUDIENCE]: true }],
      ['empty', []],
      ['of 65 members', [AUDIENCE, ...Array.from({ length: 64 }, () => 'x')]],
    ] as const
  ).map(([name, aud]): Row => ['J27', `aud ${name}`, () => good({}, { aud }), 'audience']),
  [
    'J27',
    'aud with us and another',
    () => good({}, { aud: ['https://other.example', AUDIENCE] }),
    'a:ada',
  ],
  ['J28', 'no iss', () => without('iss'), 'issuer'],
  ['J28', 'iss with a slash at its end', () => good({}, { iss: `${issuerA.url}/` }), 'issuer'],
  ['J28', 'iss in another case', () => good({}, { iss: issuerA.url.toUpperCase() }), 'issuer'],
  [
    'J28',
    'iss with a look-alike',
    () => good({}, { iss: issuerA.url.replace('http', 'һttp') }),
    'issuer',
  ],
  ['J28', 'iss in a list', () => good({}, { iss: [issuerA.url] }), 'issuer'],
  [
    'J29',
    "a key of one issuer under another's name",
    () => signToken({ ...HEADER, kid: 'b1' }, claims(), other),
    'key-unknown',
  ],
  [
    'J29',
    "a key of one issuer under another's kid",
    () => signToken(HEADER, claims(), other),
    'signature',
  ],
  ['J30', 'no sub', () => without('sub'), 'subject'],
  ['J30', 'an empty sub', () => good({}, { sub: '' }), 'subject'],
  ['J30', 'sub is a number', () => good({}, { sub: 7 }), 'subject'],
  ['J30', 'sub with a line end', () => good({}, { sub: 'ada\nben' }), 'subject'],
  ['J31', 'a client that is not on the list', () => good({}, { client_id: 'evil' }), 'client'],
  ['J31', 'no client', () => without('client_id'), 'client'],
  ['J31', 'two clients', () => good({}, { azp: 'batch' }), 'client'],
  [
    'J32',
    'aud twice',
    () => payload(claimsText('"aud"', '"aud":"https://evil.example","aud"')),
    'token-json',
  ],
  [
    'J32',
    'aud twice, once in disguise',
    () => payload(claimsText('"aud"', '"\\u0061ud":"x","aud"')),
    'token-json',
  ],
  [
    'J32',
    'alg twice',
    () =>
      signTexts(`{"alg":"none",${JSON.stringify(HEADER).slice(1)}`, JSON.stringify(claims()), ec),
    'token-json',
  ],
  [
    'J32',
    'a member twice, deep down',
    () => payload(claimsText('"aud"', '"x":{"y":1,"y":1},"aud"')),
    'token-json',
  ],
  ['J33', 'a payload that is an array', () => payload('[]'), 'token-json'],
  ['J33', 'a payload that is a number', () => payload('7'), 'token-json'],
  ['J33', 'a payload that is null', () => payload('null'), 'token-json'],
  [
    'J33',
    'a payload that is no UTF-8',
    () => payload(Buffer.concat([Buffer.from('{"a":"'), Buffer.from([0xff]), Buffer.from('"}')])),
    'token-json',
  ],
  [
    'J33',
    'a payload with a byte-order mark',
    () => payload(`\ufeff${JSON.stringify(claims())}`),
    'token-json',
  ],
  [
    'J33',
    'a payload 5,000 deep',
    () => payload(claimsText('"aud"', `"x":${'['.repeat(5000)}${']'.repeat(5000)},"aud"`)),
    'token-json',
  ],
  [
    'J33',
    'a payload with text after it',
    () => payload(`${JSON.stringify(claims())}x`),
    'token-json',
  ],
  [
    'J33',
    'a payload with half of a surrogate pair',
    () => payload(claimsText('"ada"', '"ada\\ud800"')),
    'token-json',
  ],
  ['J34', 'padding', () => changed(1, (text) => `${text}=`), 'credentials-malformed'],
  ['J34', 'padding at the end', () => `${good()}==`, 'token-encoding'],
  [
    'J34',
    'the letters of base64',
    () => changed(2, (text) => text.replace(/^./, '+')),
    'token-encoding',
  ],
  ['J34', 'a slash', () => changed(2, (text) => text.replace(/^./, '/')), 'token-encoding'],
  [
    'J34',
    'unused bits that are set',
    () => changed(2, (text) => `${text.slice(0, -1)}${twinOf(text.at(-1) ?? '')}`),
    'token-encoding',
  ],
  [
    'J34',
    'a part of an impossible length',
    () => changed(2, (text) => `${text}AAA`),
    'token-encoding',
  ],
  ['J35', 'two parts', () => good().split('.').slice(0, 2).join('.'), 'token-form'],
  ['J35', 'one part', () => good().split('.')[0] ?? '', 'credentials-malformed'],
  ['J35', 'four parts', () => `${good()}.AAAA`, 'token-form'],
  ['J35', 'five parts', () => `${good()}.AAAA.AAAA`, 'token-form'],
  ['J35', 'an empty header', () => changed(0, () => ''), 'token-form'],
  ['J35', 'an empty payload', () => changed(1, () => ''), 'token-form'],
  ['J35', 'an empty signature', () => changed(2, () => ''), 'signature'],
  ['J35', 'a dot more', () => `${good()}.`, 'token-form'],
  [
    'J36',
    'the JSON form',
    () => JSON.stringify({ payload: 'AAAA', signatures: [] }),
    'credentials-malformed',
  ],
  ['J37', 'r is 0', () => signature(Buffer.concat([ZERO, ORDER])), 'signature'],
  ['J37', 's is 0', () => signature(Buffer.concat([Buffer.alloc(32, 1), ZERO])), 'signature'],
  ['J37', 'r and s are 0', () => signature(new Uint8Array(64)), 'signature'],
  [
    'J37',
    's is the order',
    () => signature(Buffer.concat([Buffer.alloc(32, 1), ORDER])),
    'signature',
  ],
  ['J37', '63 bytes', () => signature(Buffer.alloc(63, 1)), 'signature'],
  ['J37', '65 bytes', () => signature(Buffer.alloc(65, 1)), 'signature'],
  ['J37', 'DER', () => signature(derSignature()), 'signature'],
  ['J38', 'the other signature of the same token', highS, 'a:twin'],
  ['J47', 'a token of a megabyte', () => `eyJ${'A'.repeat(1_048_576)}.AAAA.AAAA`, 'token-length'],
  ['J49', 'scope as an array', () => good({}, { scope: ['read'] }), 'scope'],
  ['J49', 'scope with a tab', () => good({}, { scope: 'read\twrite' }), 'scope'],
  ['J49', 'scope with two spaces', () => good({}, { scope: 'read  write' }), 'scope'],
  ['J49', 'scope with a quote', () => good({}, { scope: 'read "write"' }), 'scope'],
  [
    '',
    'a token bound in a way that nobody knows',
    () => good({}, { cnf: { jwk: ec.jwk } }),
    'confirmation',
  ],
  [
    '',
    'a token bound to a key, without a proof',
    () => good({}, { cnf: { jkt: 'A'.repeat(43) } }),
    'dpop-unsupported',
  ],
]

/** Another last character that decodes to the same bytes for a sloppy reader. */
function twinOf(last: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  return alphabet[alphabet.indexOf(last) ^ 1] ?? ''
}

for (const [code, name, token, want] of rows) {
  test(`${code} ${name}: ${want}`.trim(), async () => {
    const asked = [issuerA, issuerB, plain].map(({ requests }) => requests.length)
    assert.equal(await asking.outcome(bearer(token())), want)
    const now = [issuerA, issuerB, plain].map(({ requests }) => requests.length)
    if (want !== 'key-unknown') assert.deepEqual(now, asked, 'nobody outside was asked')
  })
}

test('J08 a flood of unknown keys asks the issuer once', async () => {
  const asked = issuerA.requests.length
  const flood = Array.from({ length: 200 }, (_, at) => asking.ask(bearer(good({ kid: `u${at}` }))))
  await Promise.all(flood)
  assert.ok(issuerA.requests.length <= asked + 1, `${issuerA.requests.length - asked} requests`)
})

for (const [name, values, want] of [
  [
    'J45 the same token twice',
    (token: string) => [bearer(token), bearer(token)],
    'credentials-ambiguous',
  ],
  ['J46 bearer in any case', (token: string) => [`bEaReR ${token}`], 'a:ada'],
  ['J46 no token', () => ['Bearer'], 'credentials-malformed'],
  ['J46 a space and no token', () => ['Bearer '], 'credentials-malformed'],
  [
    'J46 two tokens in a list',
    (token: string) => [`Bearer ${token}, Bearer ${token}`],
    'credentials-malformed',
  ],
  ['J46 a tab', (token: string) => [`Bearer\t${token}`], 'credentials-malformed'],
  ['a token by another scheme', (token: string) => [`Token ${token}`], 'credentials-malformed'],
  ['a bearer token shown as a bound one', (token: string) => [`DPoP ${token}`], 'token-not-bound'],
] as const) {
  test(`${name}: ${want}`, async () => {
    assert.equal(await asking.outcome(...values(good())), want)
  })
}

test('J47 a megabyte is refused in little time', async () => {
  const token = bearer(`eyJ${'A'.repeat(1_048_576)}.AAAA.AAAA`)
  const startUs = process.cpuUsage().user
  await asking.ask(token)
  const tookUs = process.cpuUsage().user - startUs
  assert.ok(tookUs < 50_000, `${tookUs} µs`)
})

test('J48 a refusal says what is wrong, in the words of RFC 6750', async () => {
  const found = await asking.ask(bearer(good({}, { aud: 'x' })))
  assert.ok(!found.known)
  assert.deepEqual(found.challenges, [
    'Bearer realm="countersign", error="invalid_token", ' +
      'error_description="the token is not for this audience"',
  ])
})

test('a token that is known is known at once, and its record holds nothing to replay', async () => {
  const token = good({}, { jti: 'token-9', auth_time: nowSeconds - 60, amr: ['pwd', 'mfa'] })
  // Its key is known: nobody has to be asked, the first time neither.
  const first = asking.askAtOnce(bearer(token))
  const found = asking.askAtOnce(bearer(token))
  assert.ok(first?.known && found?.known)
  assert.equal(found.principal, first.principal, 'it is not read again')
  const { principal, credential } = found
  assert.deepEqual(principal, {
    id: 'a:ada',
    kind: 'user',
    issuer: issuerA.url,
    scopes: ['read', 'write'],
    groups: [],
    roles: [],
    claims: {},
  })
  const { sha256, expiresAtUs, ...rest } = credential ?? {}
  assert.match(sha256 ?? '', /^[0-9a-f]{64}$/)
  assert.equal(expiresAtUs, (nowSeconds + 600) * 1_000_000)
  const sinceUs = (nowSeconds - 60) * 1_000_000
  assert.deepEqual(rest, {
    method: 'jwt',
    id: 'token-9',
    authenticatedAtUs: sinceUs,
    mfaAtUs: sinceUs,
  })
})

test('a token whose subject is its client is of a service', async () => {
  const found = await asking.ask(bearer(good({}, { sub: 'batch', client_id: 'batch' })))
  assert.ok(found.known)
  assert.equal(found.principal.kind, 'service')
})

test('J21 a token that is remembered is forgotten when it expires', async () => {
  const token = bearer(good({}, { exp: nowSeconds + 5, iat: nowSeconds - 5, jti: 'short' }))
  assert.equal(await asking.outcome(token), 'a:ada')
  asking.clock.moveMs(36_000)
  assert.equal(await asking.outcome(token), 'expired')
  asking.clock.moveMs(-36_000)
})

test('J02 HS256 where a secret is configured: only with the secret', async () => {
  const shared = await openAsking(
    [
      {
        name: 's',
        issuer: 'shared',
        audiences: [AUDIENCE],
        secret: { env: 'X' },
        algorithms: ['HS256'],
      },
    ],
    {},
    Buffer.alloc(32, 7),
  )
  const header = { alg: 'HS256', typ: 'at+jwt' }
  const own = claims({ iss: 'shared' })
  const wrong = createSecretKey(Buffer.alloc(32, 8))
  const jwk = {}
  assert.equal(
    await shared.outcome(bearer(signToken(header, own, { alg: 'HS256', privateKey: secret, jwk }))),
    's:ada',
  )
  assert.equal(
    await shared.outcome(bearer(signToken(header, own, { alg: 'HS256', privateKey: wrong, jwk }))),
    'signature',
  )
  assert.equal(
    await shared.outcome(bearer(signToken({ ...header, alg: 'ES256' }, own, ec))),
    'header-algorithm',
  )
  await shared.close()
})

test('J03 a secret shorter than the hash does not start', async () => {
  const config = { name: 's', issuer: 'shared', audiences: [AUDIENCE], secret: { env: 'X' } }
  for (const [algorithm, bytes] of [
    ['HS256', 31],
    ['HS384', 47],
    ['HS512', 63],
  ] as const) {
    await assert.rejects(
      openAsking([{ ...config, algorithms: [algorithm] }], {}, Buffer.alloc(bytes, 1)),
      { code: 'IDENTITY_SECRET_SHORT' },
    )
  }
})
