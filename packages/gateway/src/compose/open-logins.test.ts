import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pino } from 'pino'
import { ANONYMOUS, type LoginMemory, loginConfigSchema } from '../identity/index.ts'
import { Machine } from '../recorder/testing.ts'
import { httpClient } from './http-client.ts'
import { realMachine } from './machine.ts'
import { type LoginMemories, openLogins } from './open-logins.ts'

const UNTIL_US = Date.parse('2100-01-01') * 1000

function login(name: string, more: object = {}) {
  const provider = { issuer: 'https://login.example', clientId: 'app' }
  const place = { externalUrl: 'https://app.example', principalPrefix: '' }
  return loginConfigSchema.parse({ name, ...provider, ...place, ...more })
}

/** Somebody who has signed in; says whether the session goes on. */
function signIn(memory: LoginMemory | undefined, name: string): () => boolean {
  assert.ok(memory !== undefined)
  const { secret, session } = memory.sessions.prepare({
    login: name,
    principal: { ...ANONYMOUS, id: name, kind: 'user' },
    providerSession: undefined,
    authenticatedAtUs: undefined,
    mfaAtUs: undefined,
    idToken: '',
    startedUs: Date.now() * 1000,
    untilUs: UNTIL_US,
  })
  memory.sessions.add(secret, session)
  return () => memory.sessions.isLive(secret, Date.now() * 1000)
}

for (const [what, later, lives] of [
  ['is taken out of the configuration', [login('kept')], [true, false]],
  ['becomes another', [login('kept'), login('staff', { idleMs: 60_000 })], [true, false]],
  ['stays as it is', [login('staff'), login('kept')], [true, true]],
] as const) {
  test(`of a login that ${what} the sessions end on record, and no others`, async (context) => {
    const acts: string[] = []
    const recorder = await new Machine().start()
    const noted: Pick<typeof recorder, 'act' | 'actant'> = {
      actant: (...of) => recorder.actant(...of),
      act: (kind, facts, of) => {
        acts.push(`${kind} ${JSON.stringify(facts)}`)
        return recorder.act(kind, facts, of)
      },
    }
    const http = httpClient()
    const open = async (configs: Parameters<typeof openLogins>[0], memories: LoginMemories) => {
      const log = pino({ level: 'silent' })
      const readSecret = () => Promise.reject(new Error('there is none'))
      const needs = { http, recorder: noted, log, memories, readSecret }
      const logins = await openLogins(configs, realMachine(), needs)
      context.after(() => logins.close())
      return logins
    }
    context.after(() => http.close())
    const first = await open([login('kept'), login('staff')], new Map())
    const [kept, staff] = [...first.memories.values()]
    const goOn = [signIn(kept, 'kept'), signIn(staff, 'staff')]
    const next = await open(later, first.memories)
    await first.withdraw(next.memories)
    assert.deepEqual(
      goOn.map((isLive) => isLive()),
      lives,
    )
    assert.equal(acts.length, lives.filter((isLive) => !isLive).length)
    for (const act of acts) assert.match(act, /^key .*"act":"revoked","use":"session"/)
    await recorder.stop('over')
  })
}
