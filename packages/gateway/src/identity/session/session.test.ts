import assert from 'node:assert/strict'
import { describe, it, test } from 'node:test'
import { SeededRandom, SimulatedClock } from '../../platform/index.ts'
import { fixedKeys } from '../jwt/issuer-keys.ts'
import { KeySet } from '../jwt/key-set.ts'
import { ANONYMOUS } from '../principal.ts'
import { cookieValues, endedCookie, hostCookie, withoutCookies } from './cookies.ts'
import { LoginMemory } from './login-memory.ts'
import { LoginStates } from './login-state.ts'
import { checkLogoutToken } from './logout-token.ts'
import { LogoutTokens } from './logout-tokens.ts'
import { localPath } from './return-path.ts'
import { type Session, SessionStore } from './session-store.ts'
import { hasMfa, principalOf } from './signed-in.ts'

describe('after signing in, a browser goes to a path of this origin', () => {
  const rows: readonly (readonly [target: string, path: string])[] = [
    ['/orders/7?page=2', '/orders/7?page=2'],
    ['/', '/'],
    ['//evil.example', '/'],
    ['/\\evil.example', '/'],
    ['/orders\\..', '/'],
    ['https:evil.example', '/'],
    ['https://evil.example/', '/'],
    ['/%2f%2fevil.example', '/'],
    ['/%2Fevil.example', '/'],
    ['/%5cevil.example', '/'],
    ['///evil.example', '/'],
    ['/orders\r\nset-cookie: a=b', '/'],
    ['/orders\tx', '/'],
    ['/ö', '/'],
    ['', '/'],
    [`/${'a'.repeat(3000)}`, '/'],
  ]
  for (const [target, path] of rows) {
    it(`${JSON.stringify(target.slice(0, 40))} leads to ${path}`, () => {
      assert.equal(localPath(target), path)
    })
  }
})

describe('cookies', () => {
  it('are for this host, over TLS, and not for scripts', () => {
    const cookie = hostCookie('__Host-a', 'b', 60)
    assert.equal(cookie, '__Host-a=b; Path=/; Max-Age=60; Secure; HttpOnly; SameSite=Lax')
    assert.match(endedCookie('__Host-a'), /^__Host-a=; .*Max-Age=0;/)
  })
  it('are all found, however they are laid out', () => {
    assert.deepEqual(cookieValues(['a=1; b=2', ' a=3'], 'a'), ['1', '3'])
    assert.deepEqual(cookieValues(['xa=1; a'], 'a'), [])
  })
  it('of the login are taken out, the others stay as they were', () => {
    const prefix = '__Host-c-'
    const line = 'a=1; __Host-c-session-staff=2; __Host-c-login-x=3;__Host-c-new; b=x=y'
    assert.equal(withoutCookies(line, prefix), 'a=1; b=x=y')
    assert.equal(withoutCookies('__Host-c-x=2', prefix), undefined)
    assert.equal(withoutCookies('__Host-d=2; a=__Host-c-x', prefix), '__Host-d=2; a=__Host-c-x')
  })
})

describe('the state of a sign-in', () => {
  const states = new LoginStates(new SeededRandom(1))
  const begun = states.begin({ login: 'staff', returnTo: '/', untilUs: 1000 })

  it('comes back as it was sealed, until it is over', () => {
    assert.deepEqual(states.open(states.seal(begun), 999), begun)
    assert.equal(states.open(states.seal(begun), 1000), undefined)
  })
  it('says nothing to who holds the cookie', () => {
    const cookie = states.seal(begun)
    for (const secret of [begun.state, begun.nonce, begun.codeVerifier]) {
      assert.ok(!Buffer.from(cookie, 'base64url').includes(secret))
    }
  })
  it('is refused with any bit changed, cut short, or of another process', () => {
    const bytes = Buffer.from(states.seal(begun), 'base64url')
    for (let at = 0; at < bytes.length; at += 1) {
      const changed = Buffer.from(bytes)
      changed[at] = (changed[at] ?? 0) ^ 1
      assert.equal(states.open(changed.toString('base64url'), 1), undefined)
      assert.equal(states.open(bytes.subarray(0, at).toString('base64url'), 1), undefined)
    }
    const other = new LoginStates(new SeededRandom(2))
    assert.equal(other.open(states.seal(begun), 1), undefined)
    assert.equal(states.open('not base64url!', 1), undefined)
  })
  it('is redeemed once', () => {
    assert.equal(states.redeem(begun, 1), true)
    assert.equal(states.redeem(begun, 2), false)
  })
})

describe('sessions', () => {
  const MINUTE_US = 60_000_000
  const limits = { sessionsMax: 2, sessionsPerPersonMax: 2, idleMs: 60_000 }
  const facts = (name: string, startedUs = 0): Omit<Session, 'id'> => ({
    login: 'staff',
    principal: { ...ANONYMOUS, id: name, kind: 'user', issuer: 'https://idp.example' },
    providerSession: `sid-${name}`,
    authenticatedAtUs: undefined,
    mfaAtUs: undefined,
    idToken: 'token',
    startedUs,
    untilUs: 3 * MINUTE_US,
  })
  const open = (store: SessionStore, name: string): string => {
    const { secret, session } = store.prepare(facts(name))
    store.add(secret, session)
    return secret
  }

  it('are found by their secret alone, which the id does not tell', () => {
    const store = new SessionStore(new SeededRandom(3), limits)
    const { secret, session } = store.prepare(facts('ada'))
    assert.equal(store.use(secret, 1), undefined)
    store.add(secret, session)
    assert.equal(store.use(secret, 1)?.principal.id, 'ada')
    assert.equal(store.use(session.id, 1), undefined)
    assert.equal(store.use('', 1), undefined)
    assert.ok(!secret.includes(session.id))
  })
  it('end when idle, and when their time is up however busy', () => {
    const store = new SessionStore(new SeededRandom(4), limits)
    const secret = open(store, 'ada')
    assert.ok(store.use(secret, MINUTE_US - 1))
    assert.ok(store.use(secret, 2 * MINUTE_US - 2))
    assert.ok(store.use(secret, 3 * MINUTE_US - 3))
    assert.equal(store.use(secret, 3 * MINUTE_US), undefined)
    const idle = open(store, 'ben')
    assert.equal(store.use(idle, MINUTE_US), undefined)
    assert.deepEqual(
      store
        .sweep(3 * MINUTE_US)
        .map(({ principal }) => principal.id)
        .toSorted(),
      ['ada', 'ben'],
    )
    assert.equal(store.size, 0)
  })
  it('give way to newer ones, the least recently used first', () => {
    const store = new SessionStore(new SeededRandom(5), limits)
    const [first, second] = [open(store, 'ada'), open(store, 'ben')]
    store.use(first, 1)
    const { secret, session } = store.prepare(facts('cyd'))
    assert.deepEqual(
      store.add(secret, session).map(({ session: { principal }, end }) => [principal.id, end]),
      [['ben', 'evicted']],
    )
    assert.ok(store.use(first, 2))
    assert.equal(store.use(second, 2), undefined)
  })
  it("of one person are a share of them: that person's oldest gives way, nobody else's", () => {
    const share = { ...limits, sessionsMax: 5, sessionsPerPersonMax: 3 }
    const store = new SessionStore(new SeededRandom(7), share)
    const ben = open(store, 'ben')
    const own: string[] = []
    for (let at = 0; at < 100; at += 1) {
      const { secret, session } = store.prepare(facts('ada'))
      const [first] = own
      const gone = store.add(secret, session)
      own.push(secret)
      if (own.length <= 3 || first === undefined) assert.deepEqual(gone, [])
      else {
        assert.deepEqual(
          gone.map(({ session: { principal }, end }) => [principal.id, end]),
          [['ada', 'share']],
        )
        assert.equal(store.use(first, 1), undefined)
        own.shift()
      }
      for (const each of own) assert.ok(store.use(each, 1))
    }
    assert.ok(store.use(ben, 1))
    assert.equal(store.size, 4)
    assert.ok(store.end(own[0] ?? ''))
    assert.deepEqual(store.endWhere(({ principal }) => principal.id === 'ada').length, 2)
    assert.deepEqual([open(store, 'ada'), open(store, 'ada'), open(store, 'ada')].length, 3)
    assert.equal(store.size, 4, 'what had ended left its room')
  })
  it('end by what the identity provider calls them', () => {
    const store = new SessionStore(new SeededRandom(6), limits)
    const secret = open(store, 'ada')
    open(store, 'ben')
    store.endWhere(({ providerSession }) => providerSession === 'sid-ada')
    assert.equal(store.use(secret, 1), undefined)
    assert.equal(store.size, 1)
  })
})

describe('logout tokens (OpenID Connect Back-Channel Logout 1.0)', () => {
  const config = { issuer: 'https://idp.example', clientId: 'app' }
  const EVENT = 'http://schemas.openid.net/event/backchannel-logout'
  const good = {
    iss: 'https://idp.example',
    aud: 'app',
    iat: 1000,
    exp: 1120,
    jti: 'one',
    events: { [EVENT]: {} },
    sub: 'ada',
  }
  const at = 1000 * 1_000_000
  const rows: readonly (readonly [what: string, claims: object])[] = [
    ['another issuer', { ...good, iss: 'https://idp.example/' }],
    ['another client', { ...good, aud: ['other'] }],
    ['no events', { ...good, events: undefined }],
    ['another event', { ...good, events: { other: {} } }],
    ['an event that is no object', { ...good, events: { [EVENT]: true } }],
    ['a nonce', { ...good, nonce: 'x' }],
    ['no jti', { ...good, jti: '' }],
    ['neither sub nor sid', { ...good, sub: undefined }],
    ['a sub that is a number', { ...good, sub: 7 }],
    ['an iat of tomorrow', { ...good, iat: 90_000 }],
    ['an iat of an hour ago', { ...good, iat: -2600 }],
    ['an exp that is past', { ...good, exp: 900 }],
    ['no exp', { ...good, exp: undefined }],
    ['an exp that is text', { ...good, exp: '1120' }],
    ['an iat that is text', { ...good, iat: '1000' }],
  ]
  for (const [what, claims] of rows) {
    it(`with ${what} are refused`, () => {
      assert.throws(() => checkLogoutToken({ ...claims }, config, at), { name: 'LoginFault' })
    })
  }
  it('name who is to be signed out', () => {
    assert.deepEqual(checkLogoutToken(good, config, at), {
      jti: 'one',
      sub: 'ada',
      sid: undefined,
    })
    const sid = checkLogoutToken({ ...good, sub: undefined, sid: 's', aud: ['app'] }, config, at)
    assert.deepEqual(sid, { jti: 'one', sub: undefined, sid: 's' })
  })
})

test('who has signed in is told by mapped claims alone', () => {
  const config = {
    name: 'staff',
    issuer: 'https://idp.example',
    map: {
      groups: [{ claim: 'teams' }],
      roles: [{ claim: 'roles', values: { admin: 'operator' } }],
      claims: { department: 'dept', missing: 'missing' },
    },
  }
  const claims = { sub: 'ada', teams: ['a', 'b'], roles: 'admin', dept: 7, email: 'x' }
  assert.deepEqual(principalOf(claims, config), {
    id: 'staff:ada',
    kind: 'user',
    issuer: 'https://idp.example',
    groups: ['a', 'b'],
    roles: ['operator'],
    scopes: [],
    claims: { department: ['7'] },
  })
  assert.equal(principalOf({ sub: 'ada' }, { ...config, principalPrefix: '' }).id, 'ada')
  for (const wrong of [{}, { sub: '' }, { sub: 7 }, { sub: 'a\nb' }, { sub: 'a', teams: [{}] }]) {
    assert.throws(() => principalOf(wrong, config), { name: 'LoginFault' })
  }
  const nobody = { ...config, principalPrefix: '' }
  assert.throws(() => principalOf({ sub: 'anonymous' }, nobody), { name: 'LoginFault' })
})

test('more than one factor is what the provider calls so', () => {
  assert.equal(hasMfa({ amr: ['pwd', 'mfa'] }, { mfaAcr: [] }), true)
  assert.equal(hasMfa({ acr: 'urn:two' }, { mfaAcr: ['urn:two'] }), true)
  assert.equal(hasMfa({ amr: 'mfa', acr: 'urn:one' }, { mfaAcr: ['urn:two'] }), false)
})

test('O12 a logout token that was used stays so under the configuration to come', () => {
  const limits = { sessionsMax: 1, sessionsPerPersonMax: 1, idleMs: 60_000 }
  const [memory, other] = [1, 2].map(
    (seed) => new LoginMemory(new SeededRandom(seed), { name: 'staff', ...limits }),
  )
  assert.ok(memory !== undefined && other !== undefined)
  const keys = fixedKeys(new KeySet([]))
  const clock = new SimulatedClock()
  assert.equal(new LogoutTokens(keys, clock, memory).redeem('j1'), true)
  assert.equal(new LogoutTokens(keys, clock, memory).redeem('j1'), false)
  assert.equal(new LogoutTokens(keys, clock, other).redeem('j1'), true, 'of another login')
})
