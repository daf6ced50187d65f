import { formatTime } from '@countersign/evidence'
import type { Logger } from 'pino'
import {
  BrowserLogin,
  type LoginConfig,
  LoginMemory,
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
  readonly recorder: Pick<Recorder, 'act' | 'actant'>
  readonly log: Logger
  /** Of the logins in force until now: one that has not changed goes on with its sessions. */
  readonly memories: LoginMemories
  readonly readSecret: (place: NonNullable<LoginConfig['clientSecret']>) => Promise<Uint8Array>
}

/** What each login remembers, by its configuration. */
export type LoginMemories = ReadonlyMap<string, LoginMemory>

/** Where people sign in with a browser. */
export interface OpenLogins {
  readonly authenticators: readonly BrowserLogin[]
  /** Answers what belongs to a login; undefined for what does not. */
  answer(request: Request): Promise<Response | undefined>
  readonly memories: LoginMemories
  /** Ends, on record, the sessions of logins that the configuration after this one has not. */
  withdraw(next: LoginMemories): Promise<void>
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
  const memories = new Map(opened.map(({ key, memory }) => [key, memory]))
  let timer = machine.clock.after(SWEEP_EVERY_MS, sweep)
  let isClosed = false
  function sweep(): void {
    void Promise.all(logins.map((login) => login.sweep())).then(() => {
      if (!isClosed) timer = machine.clock.after(SWEEP_EVERY_MS, sweep)
    })
  }
  return {
    authenticators: logins,
    memories,
    answer: async (request) => {
      for (const login of logins) {
        const answer = await login.answer(request)
        if (answer !== undefined) return answer
      }
      return undefined
    },
    withdraw: async (next) => {
      const gone = opened.filter(({ key, memory }) => next.get(key) !== memory)
      await Promise.all(gone.map(({ login }) => login.withdraw()))
    },
    close: () => {
      isClosed = true
      timer.cancel()
      for (const { keys } of opened) keys.close()
    },
  }
}

interface OpenLogin {
  readonly login: BrowserLogin
  readonly keys: ReturnType<typeof loginKeys>
  readonly key: string
  readonly memory: LoginMemory
}

async function openLogin(
  config: LoginConfig,
  { clock, random }: Machine,
  { http, recorder, log, memories, readSecret }: LoginNeeds,
): Promise<OpenLogin> {
  const onFault = (fault: unknown): void => {
    log.warn({ err: fault, login: config.name }, 'login')
  }
  const secret = config.clientSecret && (await readSecret(config.clientSecret))
  const clientSecret = secret && new TextDecoder('utf-8', { fatal: true }).decode(secret)
  const key = JSON.stringify(config)
  const memory = memories.get(key) ?? new LoginMemory(random, config)
  const keys = loginKeys(config, { http, clock, onFault })
  const login = new BrowserLogin({
    config,
    clock,
    memory,
    onFault,
    provider: new LoginProvider({ config, clientSecret, http, clock }),
    logoutTokens: new LogoutTokens(keys, clock, memory),
    record: (event) => recordSession(event, recorder),
  })
  return { login, keys, key, memory }
}

/** A session is a credential that this gateway made: its life is on record like a key's. */
async function recordSession(
  { act, session }: SessionEvent,
  recorder: Pick<Recorder, 'act' | 'actant'>,
): Promise<void> {
  const { subject } = recorder.actant(session.principal)
  const expires = act === 'created' ? { expires: formatTime(session.untilUs) } : {}
  await recorder.act('key', { act, use: 'session', key: session.id, subject, ...expires })
}
