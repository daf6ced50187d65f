import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededRandom } from '../../platform/index.ts'
import { ANONYMOUS } from '../principal.ts'
import { FollowedSessions } from './followed-sessions.ts'
import { SessionStore } from './session-store.ts'

const UNTIL_US = 1_000_000

/** Sessions that are kept in one place and followed from two others. */
function kept(sessionsMax: number) {
  const store = new SessionStore(new SeededRandom(1), {
    sessionsMax,
    sessionsPerPersonMax: 2,
    idleMs: 100,
  })
  const followers = [1, 2].map(() => {
    return new FollowedSessions(async (key) => store.useOf(key, 1), { sessionsMax })
  })
  store.onEnd((key) => {
    for (const each of followers) each.end([key])
  })
  const begin = (id: string): string => {
    const { secret, session } = store.prepare({
      login: 'staff',
      principal: { ...ANONYMOUS, id, kind: 'user' },
      providerSession: undefined,
      authenticatedAtUs: 1,
      mfaAtUs: undefined,
      idToken: '',
      startedUs: 1,
      untilUs: UNTIL_US,
    })
    store.add(secret, session)
    return secret
  }
  return { store, followers, begin }
}

test('a session that is kept elsewhere is good wherever it is used, until it ends', async () => {
  const { store, followers, begin } = kept(10)
  const secret = begin('ada')
  for (const each of followers) {
    assert.equal(each.isLive(secret, 2), false, 'nobody used it here')
    assert.equal((await each.use(secret))?.principal.id, 'ada')
    assert.equal(each.isLive(secret, 2), true)
    assert.equal(each.isLive(secret, UNTIL_US), false)
  }
  store.end(secret)
  for (const each of followers) {
    assert.equal(each.isLive(secret, 2), false)
    assert.equal(await each.use(secret), undefined)
  }
})

for (const [name, end] of [
  ['nobody used it for too long', (store: SessionStore) => store.sweep(200_000)],
  ['its login is gone', (store: SessionStore) => store.endWhere(() => true)],
] as const) {
  test(`what goes on with a session elsewhere ends: ${name}`, async () => {
    const { store, followers, begin } = kept(10)
    const secret = begin('ada')
    await followers[0]?.use(secret)
    end(store)
    assert.equal(followers[0]?.isLive(secret, 2), false)
  })
}

test("a person's session that makes room for a newer one ends wherever it was used", async () => {
  const { followers, begin } = kept(10)
  const [oldest = '', other = ''] = ['ada', 'ben'].map(begin)
  for (const each of followers) for (const one of [oldest, other]) await each.use(one)
  const newer = ['ada', 'ada'].map(begin)
  for (const each of followers) {
    assert.equal(each.isLive(oldest, 2), false)
    assert.equal(await each.use(oldest), undefined)
    assert.equal(each.isLive(other, 2), true)
    for (const one of newer) assert.ok(await each.use(one))
  }
})

test('no more are remembered than there may be', async () => {
  const { followers, begin } = kept(2)
  const secrets = ['ada', 'ben', 'eve'].map(begin)
  for (const secret of secrets) await followers[0]?.use(secret)
  const live = secrets.map((secret) => followers[0]?.isLive(secret, 2))
  assert.deepEqual(live, [false, true, true])
})
