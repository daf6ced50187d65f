// People who sign in with a browser, before a provider that answers rightly and wrongly.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { Presented } from '../../packages/gateway/src/identity/index.ts'
import { ecKey } from './issuer.ts'
import {
  APP,
  type Begun,
  type Bent,
  CLIENT,
  cookieOf,
  NAVIGATION,
  openLogin,
  type TestLogin,
} from './login.ts'

let at: TestLogin

beforeEach(async () => {
  at = await openLogin()
})
afterEach(() => at.close())

/** Ends a sign-in that was begun in the same browser. */
async function finish(bent: Bent, more: Readonly<Record<string, string>> = {}): Promise<Response> {
  const { to, cookie } = await at.begin()
  at.bent = { ...at.bent, ...bent }
  const state = to.searchParams.get('state') ?? ''
  return at.callback({ code: 'c', state, ...more }, cookie)
}

test('O03 the browser is sent on with state, nonce and S256 challenge, and no secret', async () => {
  const { to, cookie } = await at.begin()
  const asked = Object.fromEntries(to.searchParams)
  assert.equal(`${to.origin}${to.pathname}`, `${at.issuer}/authorize`)
  assert.equal(asked.response_type, 'code')
  assert.equal(asked.code_challenge_method, 'S256')
  assert.equal(asked.redirect_uri, `${APP}/.well-known/countersign/login/staff/callback`)
  assert.equal(asked.scope, 'openid')
  assert.ok(!cookie.includes(asked.state ?? 'x') && !cookie.includes(asked.nonce ?? 'x'))
  const done = await at.callback({ code: 'c', state: asked.state ?? '' }, cookie)
  assert.equal(done.status, 303)
  assert.equal(done.headers.get('location'), '/orders?page=2')
  const [exchange] = at.exchanges
  const verifier = exchange?.get('code_verifier') ?? ''
  const challenge = createHash('sha256').update(verifier).digest('base64url')
  assert.equal(challenge, asked.code_challenge)
  assert.equal(exchange?.get('redirect_uri'), asked.redirect_uri)
})

test('a session says who it is, and is on record before the browser has it', async () => {
  const cookie = await at.signIn()
  const found = await at.show(cookie)
  assert.ok(found.known)
  assert.deepEqual([found.principal.id, found.principal.groups], ['ada', ['a']])
  assert.equal(found.credential?.method, 'session')
  assert.deepEqual(
    at.events.map(({ act, session }) => [act, session.principal.id]),
    [['created', 'ada']],
  )
  assert.ok(!cookie.includes(found.credential?.id ?? ''))
})

test('J53 what goes on with a session is told when that has ended', async () => {
  const cookie = await at.signIn()
  const found = await at.show(cookie)
  assert.ok(found.known && found.isStillGood !== undefined)
  const now = Date.now() * 1000
  assert.ok(found.isStillGood(now))
  assert.ok(!found.isStillGood(now + 3_600_000_000 + 60_000_000), 'nobody used it for an hour')
  await at.post('logout', { cookie, origin: APP })
  assert.ok(!found.isStillGood(now))
})

test('a host that no URL can have leads to the provider all the same', async () => {
  const url = 'https://1.2.3.256/orders?page=2'
  const peer = { address: '127.0.0.1' }
  const atUs = Date.now() * 1000
  const asked = { method: 'GET', url: () => url, fields: NAVIGATION, hasBody: false, peer, atUs }
  const invited = await at.authenticator.invite(new Presented(asked))
  assert.equal(invited?.reason, 'login-required')
})

test('what cannot be recorded does not begin', async () => {
  at.isRecording = false
  const answer = await finish({})
  assert.equal(answer.status, 503)
  assert.deepEqual(answer.headers.getSetCookie(), [])
})

/** Ends what `begin` began. */
function come(begun: Begun, cookie: string): Promise<Response> {
  at.bent = { claims: { nonce: begun.to.searchParams.get('nonce') } }
  return at.callback({ code: 'c', state: stateOf(begun) }, cookie)
}

const stateOf = ({ to }: Begun): string => to.searchParams.get('state') ?? ''
const nameOf = ({ cookie }: Begun): string => cookie.split('=', 1)[0] ?? ''

describe('sign-ins in several tabs of one browser', () => {
  test('all succeed, in whatever order they come back, once each', async () => {
    const one = await at.begin('/one')
    const two = await at.begin('/two', one.cookie)
    assert.deepEqual(two.ended, [])
    assert.match(nameOf(two), /^__Host-countersign-login-[A-Za-z0-9_-]{8}$/)
    const both = `${one.cookie}; ${two.cookie}`
    for (const [begun, path] of [
      [two, '/two'],
      [one, '/one'],
    ] as const) {
      const done = await come(begun, both)
      assert.equal(done.status, 303)
      assert.equal(done.headers.get('location'), path)
      const [, ended = '', ...more] = done.headers.getSetCookie()
      assert.ok(ended.startsWith(`${nameOf(begun)}=;`) && ended.includes('Max-Age=0'))
      assert.deepEqual(more, [])
      assert.equal((await come(begun, both)).status, 400, 'once')
    }
  })
  test('are a handful: the oldest end as another one begins', async () => {
    const begun: Begun[] = []
    const jar = (): string => begun.map(({ cookie }) => cookie).join('; ')
    for (let tab = 0; tab < 5; tab += 1) {
      const next = await at.begin('/', jar())
      assert.deepEqual(next.ended, [])
      begun.push(next)
    }
    const sixth = await at.begin('/', `theme=dark; ${jar()}`)
    assert.deepEqual(sixth.ended, [nameOf(begun[0] ?? sixth)])
  })
  test('leave room for the rest of a head: long ones are fewer', async () => {
    const path = `/${'a'.repeat(2000)}`
    const [one, two] = [await at.begin(path), await at.begin(path)]
    const three = await at.begin(path, `${one.cookie}; ${two.cookie}`)
    assert.deepEqual(three.ended, [nameOf(one)])
  })
  test('end no more cookies than an answer holds, whatever a request names', async () => {
    const named = Array.from({ length: 500 }, (_, at) => {
      return `__Host-countersign-login-${String(at).padStart(8, 'x')}=1`
    })
    const { ended } = await at.begin('/', `${named.join(';')}; __Host-countersign-login-a b=1`)
    assert.equal(ended.length, 20)
    assert.equal(ended.at(-1), named[0]?.split('=')[0])
  })
  test('a callback that was begun by nobody here ends none of them', async () => {
    const one = await at.begin()
    const other = 'y'.repeat(43)
    for (const query of [{}, { state: 'short' }, { state: 'a; b' }, { state: other }]) {
      const answer = await at.callback({ code: 'c', ...query }, one.cookie)
      assert.equal(answer.status, 400)
      assert.ok(!answer.headers.getSetCookie().join().includes(nameOf(one)))
    }
    assert.equal((await come(one, one.cookie)).status, 303)
  })
  test('a state under the name of another one is not taken', async () => {
    const [one, two] = [await at.begin(), await at.begin()]
    const swapped = two.cookie.replace(nameOf(two), nameOf(one))
    assert.equal((await come(one, swapped)).status, 400)
    assert.equal((await come(one, `${one.cookie}; ${swapped}`)).status, 400, 'two of one name')
    assert.equal(at.exchanges.length, 0)
  })
})

describe('a sign-in is refused', () => {
  const refused = async (answer: Response): Promise<void> => {
    assert.equal(answer.status, 400)
    assert.ok(answer.headers.getSetCookie().every((cookie) => cookie.includes('Max-Age=0')))
    assert.deepEqual(at.events, [])
  }
  test('O01 without state', async () => {
    const { cookie } = await at.begin()
    await refused(await at.callback({ code: 'c' }, cookie))
    assert.equal(at.exchanges.length, 0)
  })
  test('O01 with the state of another sign-in', async () => {
    const other = await at.begin()
    const { cookie } = await at.begin()
    const state = other.to.searchParams.get('state') ?? ''
    await refused(await at.callback({ code: 'c', state }, cookie))
    assert.equal(at.exchanges.length, 0)
  })
  test('O01 in another browser', async () => {
    const { to } = await at.begin()
    const state = to.searchParams.get('state') ?? ''
    await refused(await at.callback({ code: 'c', state }))
  })
  test('O01, O04 a second time with the same state and code', async () => {
    const { to, cookie } = await at.begin()
    const query = { code: 'c', state: to.searchParams.get('state') ?? '' }
    assert.equal((await at.callback(query, cookie)).status, 303)
    const again = await at.callback(query, cookie)
    assert.equal(again.status, 400)
    assert.equal(at.exchanges.length, 1)
  })
  const rows: readonly (readonly [name: string, bent: () => Bent])[] = [
    ['O02 with another nonce', () => ({ claims: { nonce: 'other' } })],
    ['O02 without nonce', () => ({ claims: { nonce: undefined } })],
    ['O09 with the at_hash of another token', () => ({ claims: { at_hash: 'x'.repeat(22) } })],
    ['O09 with an at_hash that is no text', () => ({ claims: { at_hash: 7 } })],
    ['without id token', () => ({ token: { id_token: undefined } })],
    ['with an id token of another issuer', () => ({ claims: { iss: 'https://evil.example' } })],
    ['with an id token for another client', () => ({ claims: { aud: 'other' } })],
    ['with an id token that has expired', () => ({ claims: { exp: 1 } })],
    ['with an id token of another key', () => ({ key: ecKey('one') })],
    ['with alg none', () => ({ header: { alg: 'none' } })],
    ['without sub', () => ({ claims: { sub: undefined } })],
    ['with a sub of control characters', () => ({ claims: { sub: 'a\nb' } })],
  ]
  for (const [name, bent] of rows) {
    test(name, async () => {
      await refused(await finish(bent()))
    })
  }
  test('O07 with an iss that is not the provider', async () => {
    await refused(await finish({}, { iss: 'https://evil.example' }))
    assert.equal(at.exchanges.length, 0)
  })
  test('O13 with an error, whose text is not shown', async () => {
    const { to, cookie } = await at.begin()
    const state = to.searchParams.get('state') ?? ''
    const error = '<script>alert(1)</script>'
    const answer = await at.callback({ error, error_description: error, state }, cookie)
    await refused(answer.clone())
    assert.ok(!(await answer.text()).includes('script>'))
    assert.match(answer.headers.get('content-security-policy') ?? '', /default-src 'none'/)
  })
})

test('O08 a provider that calls itself something else is not used', async () => {
  at.bent = { discovery: { issuer: 'https://evil.example' } }
  const found = await at.show('__Host-countersign-session-staff=x', { fields: NAVIGATION })
  assert.ok(!found.known)
  assert.equal(found.reason, 'credentials-unverifiable')
})

test('O05, O14 nothing but the code flow, to the one place that is configured', async () => {
  const { to } = await at.begin('/x?redirect_uri=https://evil.example')
  assert.equal(to.searchParams.getAll('redirect_uri').length, 1)
  assert.equal(to.searchParams.get('response_mode'), null)
})

test('O11 signing in always makes a new session, and ends the one before', async () => {
  const planted = await at.signIn()
  const { to, cookie } = await at.begin()
  const query = { code: 'c', state: to.searchParams.get('state') ?? '' }
  const answer = await at.callback(query, `${cookie}; ${planted}`)
  const session = answer.headers.getSetCookie()[0] ?? ''
  assert.match(session, /^__Host-[^;]*; Path=\/; Max-Age=28800; Secure; HttpOnly; SameSite=Lax$/)
  assert.notEqual(cookieOf(answer.headers), planted)
  assert.ok(!(await at.show(planted)).known)
  assert.ok((await at.show(cookieOf(answer.headers))).known)
  assert.deepEqual(
    at.events.map(({ act, end }) => [act, end]),
    [
      ['created', undefined],
      ['created', undefined],
      ['revoked', 'replaced'],
    ],
  )
})

test('sign-ins of one person beyond their share end the oldest of them, on record', async () => {
  await at.close()
  at = await openLogin({ sessionsPerPersonMax: 2 })
  const cookies = [await at.signIn(), await at.signIn(), await at.signIn()]
  const known = []
  for (const cookie of cookies) known.push((await at.show(cookie)).known)
  assert.deepEqual(known, [false, true, true])
  const [oldest] = at.events
  const { act, end, session } = at.events.at(-1) ?? {}
  assert.deepEqual([act, end, session?.id], ['revoked', 'share', oldest?.session.id])
})

describe('a request that changes something, with a session', () => {
  const rows: readonly (readonly [
    name: string,
    fields: readonly (readonly [string, string])[],
    isTaken: boolean,
  ])[] = [
    ['from a page of this site', [['sec-fetch-site', 'same-origin']], true],
    ['typed in by the person', [['sec-fetch-site', 'none']], true],
    ['from an old browser, with our origin', [['origin', APP]], true],
    ['from another site', [['sec-fetch-site', 'cross-site']], false],
    ['from a sibling host', [['sec-fetch-site', 'same-site']], false],
    ['from another origin', [['origin', 'https://evil.example']], false],
    ['from an opaque origin', [['origin', 'null']], false],
    ['from who says nothing', [], false],
    [
      'that contradicts itself',
      [
        ['sec-fetch-site', 'same-origin'],
        ['origin', 'https://evil.example'],
      ],
      false,
    ],
  ]
  for (const [name, fields, isTaken] of rows) {
    test(`${name} is ${isTaken ? 'taken' : 'refused'}`, async () => {
      const cookie = await at.signIn()
      for (const method of ['POST', 'DELETE']) {
        const found = await at.show(cookie, { method, fields })
        assert.equal(found.known, isTaken)
        if (!found.known) assert.equal(found.reason, 'cross-site-refused')
      }
      assert.ok((await at.show(cookie, { fields })).known, 'reading is a link away')
    })
  }
})

describe('without a session', () => {
  test('a page is a redirect, anything else a refusal', async () => {
    const stale = '__Host-countersign-session-staff=AAAA'
    const page = await at.show(stale, { fields: NAVIGATION })
    assert.equal(page.known ? '' : page.reason, 'login-required')
    const old = await at.show(stale, { fields: [['accept', 'text/html,*/*;q=0.8']] })
    assert.equal(old.known ? '' : old.reason, 'login-required')
    const script = await at.show(stale, { fields: [['sec-fetch-mode', 'cors']] })
    assert.equal(script.known ? '' : script.reason, 'credentials-expired')
    const sent = await at.show(stale, { method: 'POST', fields: NAVIGATION })
    assert.equal(sent.known ? '' : sent.reason, 'credentials-expired')
  })
  test('two session cookies are one too many', async () => {
    const cookie = await at.signIn()
    const found = await at.show(`${cookie}; __Host-countersign-session-staff=AAAA`)
    assert.equal(found.known ? '' : found.reason, 'credentials-ambiguous')
  })
})

describe('signing out', () => {
  test('ends the session here, and leads to the provider', async () => {
    const cookie = await at.signIn()
    const answer = await at.post('logout', { cookie, origin: APP })
    const to = new URL(answer.headers.get('location') ?? '')
    assert.equal(`${to.origin}${to.pathname}`, `${at.issuer}/end`)
    assert.equal(to.searchParams.get('post_logout_redirect_uri'), `${APP}/`)
    assert.match(answer.headers.getSetCookie()[0] ?? '', /Max-Age=0/)
    assert.ok(!(await at.show(cookie)).known)
    assert.equal(at.events.at(-1)?.end, 'logout')
  })
  test('O12 is not for other sites', async () => {
    const cookie = await at.signIn()
    for (const headers of [
      { origin: 'https://evil.example' },
      { 'sec-fetch-site': 'cross-site' },
      {},
    ]) {
      assert.equal((await at.post('logout', { cookie, ...headers })).status, 403)
    }
    assert.ok((await at.show(cookie)).known)
  })
})

describe('back-channel logout', () => {
  const send = async (token: string): Promise<number> =>
    (await at.post('back-channel', {}, `logout_token=${token}`)).status

  test('ends the sessions of whom it names', async () => {
    const cookie = await at.signIn()
    assert.equal(await send(at.logoutToken({ sub: 'ben' })), 200)
    assert.equal(await send(at.logoutToken({ sid: 's2' })), 200)
    assert.ok((await at.show(cookie)).known)
    assert.equal(await send(at.logoutToken({ sub: undefined, sid: 's1' })), 200)
    assert.ok(!(await at.show(cookie)).known)
    assert.equal(at.events.at(-1)?.end, 'back-channel')
  })
  test('O12 is refused when it is not what it should be', async () => {
    const cookie = await at.signIn()
    const used = at.logoutToken({ sub: 'ben' })
    assert.equal(await send(used), 200)
    assert.equal(await send(used), 400, 'used twice')
    const wrong = [
      at.logoutToken({ events: undefined }),
      at.logoutToken({ nonce: 'x' }),
      at.logoutToken({ iss: 'https://evil.example' }),
      at.logoutToken({ aud: 'other' }),
      at.logoutToken({}, { typ: 'at+jwt' }),
      at.logoutToken({}, { alg: 'none' }),
      at.logoutToken({}, { crit: ['b64'] }),
      at.logoutToken({}, {}, ecKey('one')),
      at.logoutToken({}, {}, ecKey('two')),
      '',
      `${at.logoutToken()}&logout_token=${at.logoutToken()}`,
    ]
    for (const token of wrong) assert.equal(await send(token), 400)
    assert.ok((await at.show(cookie)).known)
  })
})

test('a client id is never the only audience: the provider may add others', async () => {
  const answer = await finish({ claims: { aud: [CLIENT] } })
  assert.equal(answer.status, 303)
})
