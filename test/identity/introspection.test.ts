// Tokens that only their issuer can read: what it says counts for a while, and silence is no.
import assert from 'node:assert/strict'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { afterEach, beforeEach, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Asking, openAsking } from './asking.ts'
import { startIssuer, type TestIssuer } from './issuer.ts'

const AUDIENCE = 'https://api.example'
let issuer: TestIssuer
let asking: Asking
let heard: string[] = []

beforeEach(async () => {
  issuer = await startIssuer()
  heard = []
  asking = await open()
})
afterEach(async () => {
  await asking.close()
  await issuer.close()
})

function open(more: object = {}): Promise<Asking> {
  const introspection = {
    name: 'opaque',
    issuer: 'https://id.example',
    endpoint: `${issuer.url}/introspect`,
    clientId: 'gate way',
    clientSecret: { env: 'X' },
    audiences: [AUDIENCE],
    answerMs: 300,
    allowLoopbackHttp: true,
    ...more,
  }
  return openAsking([], { introspection: [introspection] }, Buffer.from('se:cret'))
}

/** The issuer answers this from now on. */
function says(answer: unknown, status = 200): void {
  issuer.misbehave((request, response) => {
    request.setEncoding('utf8')
    let body = ''
    request.on('data', (chunk: string) => {
      body += chunk
    })
    request.on('end', () => {
      heard.push(`${request.method} ${request.headers.authorization} ${body}`)
      response.writeHead(status, { 'content-type': 'application/json' })
      response.end(typeof answer === 'string' ? answer : JSON.stringify(answer))
    })
  })
}

function active(more: object = {}): object {
  const now = Math.floor(asking.clock.nowUs() / 1_000_000)
  return {
    active: true,
    sub: 'ada',
    client_id: 'app',
    aud: AUDIENCE,
    scope: 'read',
    exp: now + 600,
    ...more,
  }
}

const TOKEN = 'Bearer opaque-token.1'

test('a token that the issuer calls active is whose it says', async () => {
  says(active({ jti: 't-1' }))
  const found = await asking.ask(TOKEN)
  assert.ok(found.known)
  assert.deepEqual([found.principal.id, found.principal.scopes], ['opaque:ada', ['read']])
  assert.deepEqual([found.credential?.method, found.credential?.id], ['introspection', 't-1'])
  const secret = Buffer.from('gate+way:se%3Acret').toString('base64')
  assert.deepEqual(heard, [
    `POST Basic ${secret} token=opaque-token.1&token_type_hint=access_token`,
  ])
})

test('the answer counts for a while, and no longer', async () => {
  says(active())
  await asking.ask(TOKEN)
  assert.ok(asking.askAtOnce(TOKEN)?.known)
  says({ active: false })
  asking.clock.moveMs(59_000)
  assert.ok(asking.askAtOnce(TOKEN)?.known)
  asking.clock.moveMs(1500)
  assert.equal(await asking.outcome(TOKEN), 'inactive')
  assert.equal(asking.askAtOnce(TOKEN)?.known, false, 'and so does "inactive"')
  says(active())
  asking.clock.moveMs(10_000)
  assert.equal(await asking.outcome(TOKEN), 'opaque:ada')
})

test('a token that expires sooner is asked about sooner', async () => {
  const now = Math.floor(asking.clock.nowUs() / 1_000_000)
  says(active({ exp: now + 5 }))
  await asking.ask(TOKEN)
  says({ active: false })
  asking.clock.moveMs(6000)
  assert.equal(await asking.outcome(TOKEN), 'inactive')
})

/** Whether something that is open with the token may go on, so much later. */
function goesOn(found: Awaited<ReturnType<Asking['ask']>>, afterMs = 0): boolean | undefined {
  asking.clock.moveMs(afterMs)
  assert.ok(found.known)
  return found.isStillGood?.(asking.clock.nowUs())
}

async function eventually(check: () => boolean): Promise<void> {
  for (let tries = 0; tries < 6000 && !check(); tries += 1) await sleep(10)
  assert.ok(check())
}

test('what is open with a token goes on as long as it is active', async () => {
  says(active())
  const found = await asking.ask(TOKEN)
  assert.equal(goesOn(found, 30_000), true)
  assert.equal(heard.length, 1, 'nothing is asked while the answer counts')
  assert.equal(goesOn(found, 31_000), true)
  await eventually(() => heard.length === 2)
  says({ active: false })
  assert.equal(goesOn(found, 30_000), true)
  asking.clock.moveMs(31_000)
  await eventually(() => goesOn(found) === false)
  says(active())
  assert.equal(goesOn(found, 61_000), false, 'gone is gone')
})

test("what is open ends where the token has become somebody else's", async () => {
  says(active())
  const found = await asking.ask(TOKEN)
  says(active({ sub: 'ben' }))
  asking.clock.moveMs(61_000)
  await eventually(() => goesOn(found) === false)
})

test('what is open goes on for a while without an answer, and then does not', async () => {
  says(active())
  const found = await asking.ask(TOKEN)
  says('no', 500)
  assert.equal(goesOn(found, 61_000), true)
  await eventually(() => heard.length === 2)
  assert.equal(goesOn(found, 50_000), true)
  assert.equal(goesOn(found, 10_000), false)
  says(active())
  asking.clock.moveMs(5000)
  await eventually(() => goesOn(found) === true)
})

test('an answer that counts for no time at all is asked for now and then only', async () => {
  await asking.close()
  asking = await open({ cacheMs: 0 })
  says(active())
  const found = await asking.ask(TOKEN)
  for (let second = 0; second < 10; second += 1) {
    assert.equal(goesOn(found, 1000), true)
    await eventually(() => heard.length > second / 5)
  }
  assert.ok(heard.length <= 4, `${heard.length} questions`)
})

test('requests that come at once with one token are one question', async () => {
  says(active())
  const all = await Promise.all(Array.from({ length: 50 }, () => asking.outcome(TOKEN)))
  assert.deepEqual([...new Set(all)], ['opaque:ada'])
  assert.equal(heard.length, 1)
})

test('no more questions at once than the limit', async () => {
  await asking.close()
  asking = await open({ inFlightMax: 3 })
  issuer.misbehave(() => undefined)
  const tokens = Array.from({ length: 10 }, (_, at) => `Bearer token-${at}`)
  const all = await Promise.all(tokens.map((token) => asking.outcome(token)))
  assert.deepEqual([...new Set(all)], ['credentials-unverifiable'])
  assert.ok(issuer.requests.length <= 3, `${issuer.requests.length} questions`)
})

for (const [name, answer, status, want] of [
  ['inactive', { active: false }, 200, 'inactive'],
  ['active as a text', { active: 'true' }, 200, 'credentials-unverifiable'],
  ['active as a number', { active: 1 }, 200, 'credentials-unverifiable'],
  ['nothing of whether', { sub: 'ada' }, 200, 'credentials-unverifiable'],
  ['active twice', '{"active":false,"active":true}', 200, 'credentials-unverifiable'],
  ['no JSON', 'active', 200, 'credentials-unverifiable'],
  ['another status', { active: true }, 500, 'credentials-unverifiable'],
  ['a redirect', { active: true }, 302, 'credentials-unverifiable'],
  ['too much', `{"active":true,"x":"${'x'.repeat(70_000)}"}`, 200, 'credentials-unverifiable'],
] as const) {
  test(`J50 an answer that is ${name}: ${want}`, async () => {
    says(answer, status)
    assert.equal(await asking.outcome(TOKEN), want)
  })
}

for (const [name, more, want] of [
  ['for another audience', { aud: 'https://other.example' }, 'audience'],
  ['for no audience', { aud: undefined }, 'audience'],
  ['of another issuer', { iss: 'https://other.example' }, 'issuer'],
  ['that has expired', { exp: 1 }, 'expired'],
  ['that is not valid yet', { nbf: 8_000_000_000 }, 'not-yet-valid'],
  ['without subject and client', { sub: undefined, client_id: undefined }, 'subject'],
  ['with scopes in a list', { scope: ['read'] }, 'scope'],
  ['bound in a way that nobody knows', { cnf: { kid: 'x' } }, 'confirmation'],
  ['of a client alone', { sub: undefined }, 'opaque:app'],
] as const) {
  test(`an active token ${name}: ${want}`, async () => {
    says(active(more))
    assert.equal(await asking.outcome(TOKEN), want)
  })
}

test('J50 an issuer that does not answer is not asked again at once', async () => {
  issuer.misbehave((request) => void request.socket.destroy())
  assert.equal(await asking.outcome(TOKEN), 'credentials-unverifiable')
  assert.equal(await asking.outcome(TOKEN), 'credentials-unverifiable')
  assert.equal(issuer.requests.length, 1)
  says(active())
  asking.clock.moveMs(1000)
  assert.equal(await asking.outcome(TOKEN), 'opaque:ada')
})

test('a token that the issuer takes offence at keeps nobody else waiting', async () => {
  says({ error: 'invalid_request' }, 400)
  assert.equal(await asking.outcome('Bearer odd'), 'credentials-unverifiable')
  says(active())
  assert.equal(await asking.outcome(TOKEN), 'opaque:ada')
  for (const answer of ['{', '{"active":"yes"}', `{"x":"${'y'.repeat(70_000)}"}`]) {
    issuer.misbehave((_, response) => void response.end(answer))
    assert.equal(await asking.outcome('Bearer odd'), 'credentials-unverifiable')
    assert.equal(await asking.outcome('Bearer odder'), 'credentials-unverifiable')
    says(active())
    assert.equal(await asking.outcome('Bearer odd'), 'credentials-unverifiable', 'it waits')
    assert.equal(await asking.outcome(`Bearer other${answer.length}`), 'opaque:ada')
    asking.clock.moveMs(1000)
  }
})

test('one token that gets no answer waits alone; its network waits after two of them', async () => {
  says({}, 503)
  assert.equal(await asking.outcome('Bearer one'), 'credentials-unverifiable')
  says(active())
  assert.equal(await asking.outcome('Bearer one'), 'credentials-unverifiable', 'it waits')
  assert.equal(await asking.outcome('Bearer two'), 'opaque:ada')
  says({}, 503)
  assert.equal(await asking.outcome('Bearer three'), 'credentials-unverifiable')
  assert.equal(await asking.outcome('Bearer four'), 'credentials-unverifiable')
  says(active())
  assert.equal(await asking.outcome('Bearer five'), 'credentials-unverifiable', 'in the pause')
  asking.clock.moveMs(1000)
  assert.equal(await asking.outcome('Bearer five'), 'opaque:ada')
})

const ANSWER_MS = 2000
const ELSEWHERE = '198.51.100.1'

/** How an endpoint may behave for the tokens of somebody who looks for ways to stop it. */
const ODD_ANSWERS: readonly (readonly [
  what: string,
  answer: (response: ServerResponse) => void,
])[] = [
  ['nothing', () => undefined],
  ['a hang-up', (response) => void response.destroy()],
  ['an error', (response) => void response.writeHead(500).end('{}')],
  ['a fault of the request', (response) => void response.writeHead(400).end('{}')],
  ['no JSON', (response) => void response.end('<html>')],
  ['a list', (response) => void response.end('[{"active":true}]')],
  ['an endless body', (response) => Readable.from(endless(0)).pipe(response)],
  ['a body that drips', (response) => Readable.from(endless(20)).pipe(response)],
]

async function* endless(everyMs: number): AsyncGenerator<string> {
  for (;;) {
    yield everyMs > 0 ? ' ' : ' '.repeat(4096)
    await sleep(everyMs)
  }
}

for (const [what, answer] of ODD_ANSWERS) {
  test(`10,000 tokens of one address that get ${what} keep nobody else's token out`, async () => {
    await asking.close()
    asking = await open({ answerMs: ANSWER_MS })
    let most = 0
    let now = 0
    const reply = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
      const body = Buffer.concat(await request.toArray()).toString()
      if (body.includes('=good-')) return void response.end(JSON.stringify(active()))
      now += 1
      most = Math.max(most, now)
      response.on('close', () => {
        now -= 1
      })
      answer(response)
    }
    issuer.misbehave((request, response) => void reply(request, response))
    const bad = Array.from({ length: 10_000 }, (_, at) => asking.outcome(`Bearer bad-${at}`))
    for (let at = 0; at < 5; at += 1) {
      const began = performance.now()
      assert.equal(await asking.outcomeFrom(ELSEWHERE, `Bearer good-${at}`), 'opaque:ada')
      assert.ok(performance.now() - began < ANSWER_MS, 'nobody has to time out before')
      void asking.outcome(`Bearer worse-${at}`)
      await sleep(20)
    }
    assert.deepEqual([...new Set(await Promise.all(bad))], ['credentials-unverifiable'])
    assert.ok(most <= 16, `${most} questions of one network at once`)
  })
}

test('an address of the same network has no share of its own', async () => {
  await asking.close()
  asking = await open({ inFlightMax: 8, inFlightPerNetworkMax: 3 })
  issuer.misbehave(() => undefined)
  const of = ['192.0.2.7', '192.0.2.8', '::ffff:192.0.2.9', '2001:db8:1::1', '2001:db8:1:2::3']
  const all = of.flatMap((address, at) =>
    [0, 1, 2].map((each) => asking.outcomeFrom(address, `Bearer t-${at}-${each}`)),
  )
  await eventually(() => issuer.requests.length === 6)
  await Promise.all(all)
  assert.equal(issuer.requests.length, 6, 'of two networks')
})

test('all wait when three networks get no answer, and none alone can go on with it', async () => {
  says({}, 503)
  const from = (net: number, token: string): Promise<string> =>
    asking.outcomeFrom(`10.0.${net}.1`, `Bearer ${token}`)
  for (const net of [1, 2, 3]) assert.equal(await from(net, `n${net}`), 'credentials-unverifiable')
  says(active())
  assert.equal(await from(4, 'four'), 'credentials-unverifiable', 'in the pause')
  asking.clock.moveMs(1000)
  says({}, 503)
  for (const net of [1, 2, 1, 2]) await from(net, `again-${net}-${Math.random()}`)
  says(active())
  assert.equal(await from(4, 'four'), 'opaque:ada')
})

test('a JWT is none of its business', async () => {
  says(active())
  assert.equal(await asking.outcome('Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.'), 'issuer')
  assert.equal(heard.length, 0)
})
