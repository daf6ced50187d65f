import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Authenticator, type Carrier, refused } from './authenticator.ts'
import { Authenticators } from './authenticators.ts'
import { Presented } from './presented.ts'

/** Knows everybody who shows it what it reads, by its own name; `no` is turned away. */
function knows(name: string, carrier: Carrier): Authenticator {
  return {
    name,
    kind: 'test',
    carrier,
    challenges: [`Test realm="${name}"`],
    recognises: (presented) => shown(presented, carrier).startsWith(name),
    authenticate: (presented) =>
      shown(presented, carrier).endsWith('no')
        ? refused('credentials-invalid')
        : {
            known: true,
            principal: {
              id: name,
              kind: 'user',
              issuer: 'test',
              groups: [],
              roles: [],
              scopes: [],
              claims: {},
            },
            credential: { method: 'session', id: undefined, expiresAtUs: undefined },
          },
  }
}

function shown(presented: Presented, carrier: Carrier): string {
  if (carrier === 'certificate') return presented.peer.certificate?.sha256 ?? ''
  if (carrier !== 'authorization') return presented.valuesOf(carrier)[0] ?? ''
  return presented.authorization.kind === 'token' ? presented.authorization.token : ''
}

const all = new Authenticators([
  knows('one', 'authorization'),
  knows('on', 'authorization'),
  knows('cookie', 'cookie'),
  knows('signed', 'signature'),
  knows('card', 'certificate'),
])

function present(fields: readonly (readonly [string, string])[], certificate?: string): Presented {
  return new Presented({
    method: 'GET',
    url: () => 'https://api.example/',
    fields,
    hasBody: false,
    peer: {
      address: '192.0.2.1',
      ...(certificate === undefined
        ? {}
        : { certificate: { der: new Uint8Array(), sha256: certificate, isVerified: true } }),
    },
    atUs: 0,
  })
}

const one = ['authorization', 'Bearer one'] as const
const cookie = ['cookie', 'cookie'] as const
const signed = ['signature', 'signed'] as const

for (const [name, fields, certificate, chain, want] of [
  ['nothing is nobody', [], undefined, undefined, 'anonymous'],
  ['the first that recognises it', [one], undefined, undefined, 'one'],
  ['in the order of the route', [one], undefined, ['on', 'one'], 'on'],
  [
    'one that refuses has the last word',
    [['authorization', 'Bearer one-no']],
    undefined,
    undefined,
    'credentials-invalid',
  ],
  ['one that the route does not ask', [one], undefined, ['cookie'], 'credentials-malformed'],
  ['a cookie', [cookie], undefined, undefined, 'cookie'],
  ['a cookie that the route does not take', [cookie], undefined, ['one'], 'credentials-malformed'],
  ['a cookie of somebody else', [['cookie', 'theme=dark']], undefined, undefined, 'anonymous'],
  ['J45 Authorization and cookie', [one, cookie], undefined, undefined, 'credentials-ambiguous'],
  [
    'J45 the same where the route takes no cookie',
    [one, cookie],
    undefined,
    ['one'],
    'credentials-ambiguous',
  ],
  ['J45 Authorization twice', [one, one], undefined, undefined, 'credentials-ambiguous'],
  ['Authorization and signature', [one, signed], undefined, undefined, 'credentials-ambiguous'],
  ['cookie and signature', [cookie, signed], undefined, undefined, 'credentials-ambiguous'],
  ['a certificate', [], 'card', undefined, 'card'],
  ['a certificate beside a token is its binding', [one], 'card', undefined, 'one'],
  [
    'a certificate beside a token that is refused',
    [['authorization', 'Bearer one-no']],
    'card',
    undefined,
    'credentials-invalid',
  ],
  [
    'a certificate beside a token that nobody knows',
    [['authorization', 'Bearer x']],
    'card',
    undefined,
    'credentials-malformed',
  ],
  ['a certificate beside a signature', [signed], 'card', undefined, 'signed'],
  ['a certificate that nobody knows', [], 'other', undefined, 'anonymous'],
] as const) {
  test(`${name}: ${want}`, async () => {
    const found = await all.chain(chain).identify(present(fields, certificate))
    assert.equal(found.known ? found.principal.id : found.reason, want)
  })
}

const logins = new Authenticators([
  knows('staff', 'cookie'),
  knows('partners', 'cookie'),
  knows('one', 'authorization'),
  knows('signed', 'signature'),
  knows('card', 'certificate'),
])
const partners = ['cookie', 'partners'] as const

for (const [name, fields, certificate, chain, want] of [
  ['is taken where its login is', [partners], undefined, ['staff', 'partners'], 'partners'],
  ['is nothing to another login', [partners], undefined, ['staff', 'one'], 'anonymous'],
  ['is nothing beside a certificate', [partners], 'card', ['staff', 'card'], 'card'],
  ['is refused where none is taken', [partners], undefined, ['one'], 'credentials-malformed'],
  ['J45 beside a key', [partners, one], undefined, ['staff', 'one'], 'credentials-ambiguous'],
  ['J45 beside a signature', [partners, signed], undefined, ['staff'], 'credentials-ambiguous'],
  ['a signature of no use stays refused', [signed], undefined, ['staff'], 'credentials-malformed'],
] as const) {
  test(`a session of one of two logins ${name}: ${want}`, async () => {
    const found = await logins.chain(chain).identify(present(fields, certificate))
    assert.equal(found.known ? found.principal.id : found.reason, want)
  })
}

test('what a route says to somebody who shows nothing', () => {
  assert.deepEqual(all.chain(['cookie', 'one']).challenges, [
    'Test realm="cookie"',
    'Test realm="one"',
  ])
})

test('two of one name, and a name that nothing has, are refused when it is composed', () => {
  const twice = [knows('one', 'authorization'), knows('one', 'cookie')]
  assert.throws(() => new Authenticators(twice), { code: 'IDENTITY_UNUSABLE' })
  assert.throws(() => all.chain(['nobody']), { code: 'IDENTITY_UNUSABLE' })
})
