import { formatTime } from '@countersign/evidence'
import type { Logger } from 'pino'
import {
  BrowserLogin,
  type LoginConfig,
  LoginProvider,
  LogoutTokens,
  loginKeys,
  type SessionEvent,
} from '../identity/index.ts'
import type { HttpClient } from '../platform/index.ts'
import type { Recorder } from '../recorder/index.ts'
import type { Machine } from './machine.ts'

const SWEEP_EVERY_MS = 10_000

interface LoginNeeds {
  readonly http: HttpClient
  readonly recorder: Recorder
  readonly log: Logger
  readonly readSecret: (place: NonNullable<LoginConfig['clientSecret']>) => Promise<Uint8Array>
}

/** Where people sign in with a browser. */
export interface OpenLogins {
  readonly authenticators: readonly BrowserLogin[]
  /** Answers what belongs to a login; undefined for what does not. */
  answer(request: Request): Promise<Response | undefined>
  close(): void
}

/** Opens the logins of a configuration. No identity provider has to answer for it. */
export async function openLogins(
  configs: readonly LoginConfig[],
  machine: Machine,
  needs: LoginNeeds,
): Promise<OpenLogins> {
  const opened = await Promise.all(configs.map((config) => openLogin(config, machine, needs)))
  const logins = opened.map(({ login }) => login)
  let timer = machine.clock.after(SWEEP_EVERY_MS, sweep)
  let isClosed = false
  function sweep(): void {
    void Promise.all(logins.map((login) => login.sweep())).then(() => {
      if (!isClosed) timer = machine.clock.after(SWEEP_EVERY_MS, sweep)
    })
  }
  return {
    authenticators: logins,
    answer: async (request) => {
      for (const login of logins) {
        const answer = await login.answer(request)
        if (answer !== undefined) return answer
      }
      return undefined
    },
    close: () => {
      isClosed = true
      timer.cancel()
      for (const { keys } of opened) keys.close()
    },
  }
}

async function openLogin(
  config: LoginConfig,
  { clock, random }: Machine,
  { http, recorder, log, readSecret }: LoginNeeds,
): Promise<{ readonly login: BrowserLogin; readonly keys: ReturnType<typeof loginKeys> }> {
  const onFault = (fault: unknown): void => {
    log.warn({ err: fault, login: config.name }, 'login')
  }
  const secret = config.clientSecret && (await readSecret(config.clientSecret))
  const clientSecret = secret && new TextDecoder('utf-8', { fatal: true }).decode(secret)
  const keys = loginKeys(config, { http, clock, onFault })
  const login = new BrowserLogin({
    config,
    clock,
    random,
    onFault,
    provider: new LoginProvider({ config, clientSecret, http, clock }),
    logoutTokens: new LogoutTokens(keys, clock),
    record: (event) => recordSession(event, recorder),
  })
  return { login, keys }
}

/** A session is a credential that this gateway made: its life is on record like a key's. */
async function recordSession({ act, session }: SessionEvent, recorder: Recorder): Promise<void> {
  const { subject } = recorder.actant(session.principal)
  const expires = act === 'created' ? { expires: formatTime(session.untilUs) } : {}
  await recorder.act('key', { act, use: 'session', key: session.id, subject, ...expires })
}
