// The keys that logout tokens are verified with, as the program opens them: what the provider has
// taken back counts no more, though nobody shows a key that is new.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { httpClient } from '../../packages/gateway/src/compose/http-client.ts'
import { realMachine } from '../../packages/gateway/src/compose/machine.ts'
import { openLogins } from '../../packages/gateway/src/compose/open-logins.ts'
import { operationalLog } from '../../packages/gateway/src/compose/operational-log.ts'
import { loginConfigSchema } from '../../packages/gateway/src/identity/index.ts'
import { SimulatedClock } from '../../packages/gateway/src/platform/index.ts'
import { Machine } from '../../packages/gateway/src/recorder/testing.ts'
import { ecKey, published, signToken, startIssuer } from './issuer.ts'

const EVENT = 'http://schemas.openid.net/event/backchannel-logout'
const REFRESH_MS = 300_000

test('a key that the provider took back signs nobody out after the next refresh', async (t) => {
  const [kept, taken] = [ecKey('kept'), ecKey('taken')]
  const provider = await startIssuer([published(kept), published(taken)])
  t.after(() => provider.close())
  const clock = new SimulatedClock()
  const http = httpClient()
  t.after(() => http.close())
  const recorder = await new Machine().start()
  t.after(() => recorder.stop('over'))
  const config = loginConfigSchema.parse({
    name: 'staff',
    issuer: provider.url,
    clientId: 'app',
    externalUrl: 'https://app.example',
    allowLoopbackHttp: true,
  })
  const logins = await openLogins(
    [config],
    { ...realMachine(), clock },
    {
      http,
      recorder,
      log: operationalLog('silent'),
      memories: new Map(),
      readSecret: () => Promise.reject(new Error('there is none')),
    },
  )
  let jti = 0
  const send = async (key: typeof kept): Promise<number | undefined> => {
    const iat = Math.floor(clock.nowUs() / 1_000_000)
    const facts = { iss: provider.url, aud: 'app', iat, exp: iat + 120, sub: 'ada' }
    jti += 1
    const claims = { ...facts, jti: `j${jti}`, events: { [EVENT]: {} } }
    const token = signToken({ alg: key.alg, kid: key.jwk.kid, typ: 'logout+jwt' }, claims, key)
    const url = 'https://app.example/.well-known/countersign/login/staff/back-channel'
    const body = new URLSearchParams({ logout_token: token })
    return (await logins.answer(new Request(url, { method: 'POST', body })))?.status
  }
  const asked = (): number => provider.requests.filter((path) => path === '/jwks').length
  const refreshed = async (count: number): Promise<void> => {
    for (let tries = 0; tries < 500 && asked() < count; tries += 1) await sleep(10)
    assert.equal(asked(), count)
    await sleep(50) // For the answer to be read.
  }
  await refreshed(1)
  assert.deepEqual([await send(kept), await send(taken)], [200, 200])
  provider.publish([published(kept)])
  await clock.advance(REFRESH_MS)
  await refreshed(2)
  assert.deepEqual([await send(kept), await send(taken)], [200, 400])
  logins.close()
  const before = provider.requests.length
  await clock.advance(3 * REFRESH_MS)
  await sleep(100)
  assert.equal(provider.requests.length, before, 'nothing is asked for any more')
})
