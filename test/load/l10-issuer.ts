// L10: the issuer of tokens is gone for a long time. Keys that are known are believed for as long
// as the configuration says, then its tokens are refused and nobody else's; when it is back, so
// are its callers, without a restart.
import assert from 'node:assert/strict'
import { waitFor } from '../demo-process.ts'
import { ecKey, published, signToken, startIssuer } from '../identity/issuer.ts'
import { callAll, type Tally } from './callers.ts'
import type { LoadCase } from './case.ts'
import { assertIdentity, sayIdentity } from './identity.ts'
import { Rig } from './rig.ts'

const CALLERS = 4
const STALE_MS = 5_000
const AUDIENCE = 'load'
const TOKEN_SECONDS = 3_600
const BACK_MS_MAX = 60_000

export const issuerGone: LoadCase = async ({ minutes, say }) => {
  const key = ecKey('one')
  const issuer = await startIssuer([published(key, { alg: 'ES256' })])
  const rig = await Rig.open({
    identity: [
      'verifiedTokensMax: 2',
      'issuers:',
      '  - name: staff',
      `    issuer: "${issuer.url}"`,
      `    audiences: [${AUDIENCE}]`,
      '    profile: jwt',
      '    allowLoopbackHttp: true',
      '    refreshEveryMs: 1000',
      '    refreshCooldownMs: 1000',
      `    staleMs: ${STALE_MS}`,
      '    fetchMs: 2000',
    ],
  })
  try {
    // Another token each time: none is known already.
    const token = (nth: number): string => {
      const now = Math.floor(Date.now() / 1000)
      const claims = { iss: issuer.url, aud: AUDIENCE, sub: 'eve', jti: String(nth), iat: now }
      return signToken(
        { alg: 'ES256', typ: 'JWT', kid: 'one' },
        { ...claims, exp: now + TOKEN_SECONDS },
        key,
      )
    }
    const during = async (
      ms: number,
    ): Promise<{ readonly tokens: Tally; readonly keys: Tally }> => {
      const untilMs = performance.now() + ms
      const each = {
        port: rig.port,
        callers: CALLERS,
        until: () => performance.now() > untilMs,
        pauseMs: 5,
      }
      const [tokens, keys] = await Promise.all([
        callAll({ ...each, ask: (nth) => ({ path: '/t', token: token(nth) }) }),
        callAll({ ...each, ask: () => ({ path: '/k', token: rig.tokens.ada }) }),
      ])
      assert.deepEqual([...keys.answers.keys()], ['200'], 'whoever has a key notices nothing')
      return { tokens, keys }
    }
    const awayMs = Math.max(2_000, minutes * 60_000)
    const well = await during(1_000)
    assert.deepEqual([...well.tokens.answers.keys()], ['200'])
    say(`L10 issuer there: ${well.tokens.text}`)
    issuer.misbehave((request) => request.socket.destroy())
    const known = await during(STALE_MS / 10)
    assert.deepEqual([...known.tokens.answers.keys()], ['200'], 'known keys are believed')
    say(`L10 gone, keys believed (${STALE_MS} ms): ${known.tokens.text}`)
    await waitFor(async () => (await statusOf(rig, token(performance.now()))) === 503)
    const gone = await during(awayMs)
    assert.deepEqual([...gone.tokens.answers.keys()], ['503 credentials-unverifiable'])
    say(`L10 gone for long: ${gone.tokens.text}; meanwhile with keys: ${gone.keys.text}`)
    issuer.misbehave(undefined)
    const backMs = await untilServed(rig, () => token(performance.now()))
    const back = await during(1_000)
    assert.deepEqual([...back.tokens.answers.keys()], ['200'])
    say(`L10 back after ${Math.round(backMs)} ms: ${back.tokens.text}`)
    say(`L10 ${sayIdentity(await assertIdentity(rig))}`)
  } finally {
    await rig.close()
    await issuer.close()
  }
}

async function untilServed(rig: Rig, token: () => string): Promise<number> {
  const begun = performance.now()
  await waitFor(async () => (await statusOf(rig, token())) === 200, BACK_MS_MAX)
  return performance.now() - begun
}

async function statusOf(rig: Rig, token: string): Promise<number> {
  const headers = { authorization: `Bearer ${token}` }
  const response = await fetch(`${rig.life.url}/t`, { headers })
  await response.arrayBuffer()
  return response.status
}
