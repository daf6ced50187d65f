import { formatTime } from '@countersign/evidence'
import type { Logger } from 'pino'
import {
  BrowserLogin,
  type LoginConfig,
  LoginMemory,
  LoginProvider,
  type LoginStates,
  LogoutTokens,
  loginKeys,
  SessionAuthenticator,
  type SessionEvent,
  type Sessions,
} from '../identity/index.ts'
import type { HttpClient } from '../platform/index.ts'
import type { Recorder } from '../recorder/index.ts'
import type { Machine } from './machine.ts'
import { seldom } from './seldom.ts'

const SWEEP_EVERY_MS = 10_000

/** Where another process keeps the sessions, and answers what belongs to a login. */
export interface FollowedLogins {
  of(config: LoginConfig): Pick<LoginMemory, 'states'> & { readonly sessions: Sessions }
}

interface LoginNeeds {
  readonly http: HttpClient
  readonly recorder: Pick<Recorder, 'act' | 'actant'>
  readonly log: Logger
  /** Of the logins in force until now: one that has not changed goes on with its sessions. */
  readonly memories: LoginMemories
  readonly followed?: FollowedLogins | undefined
  readonly readSecret: (place: NonNullable<LoginConfig['clientSecret']>) => Promise<Uint8Array>
}

/** What each login remembers, by its configuration. */
export type LoginMemories = ReadonlyMap<string, LoginMemory>

/** Where people sign in with a browser. */
export interface OpenLogins {
  readonly authenticators: readonly SessionAuthenticator[]
  /** Answers what belongs to a login; undefined for what does not. */
  answer(request: Request): Promise<Response | undefined>
  readonly memories: LoginMemories
  /** Ends, on record, the sessions of logins that the configuration after this one has not. */
  withdraw(next: LoginMemories): Promise<void>
  close(): void
}

/** Opens the logins of a configuration. Keys are asked for from now on; nobody waits for them. */
export async function openLogins(
  configs: readonly LoginConfig[],
  machine: Machine,
  needs: LoginNeeds,
): Promise<OpenLogins> {
  const { followed } = needs
  if (followed !== undefined) return follow(configs, machine, { ...needs, followed })
  const opened = await Promise.all(configs.map((config) => openLogin(config, machine, needs)))
  const logins = opened.map(({ login }) => login)
  for (const { keys } of opened) keys.start()
  const memories = new Map(opened.map(({ key, memory }) => [key, memory]))
  let timer = machine.clock.after(SWEEP_EVERY_MS, sweep)
  let isClosed = false
  function sweep(): void {
    void Promise.all(logins.map((login) => login.sweep())).then(() => {
      if (!isClosed) timer = machine.clock.after(SWEEP_EVERY_MS, sweep)
    })
  }
  return {
    authenticators: opened.map(({ authenticator }) => authenticator),
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

/** Nothing is answered, ended or recorded here: all of that is asked of the one that keeps it. */
async function follow(
  configs: readonly LoginConfig[],
  machine: Machine,
  needs: LoginNeeds & { readonly followed: FollowedLogins },
): Promise<OpenLogins> {
  const opening = configs.map(async (config) => {
    const provider = await providerOf(config, machine, needs)
    return authenticatorOf(config, provider, machine, needs, needs.followed.of(config))
  })
  return {
    authenticators: await Promise.all(opening),
    memories: new Map(),
    answer: async () => undefined,
    withdraw: async () => undefined,
    close: () => undefined,
  }
}

interface OpenLogin {
  readonly authenticator: SessionAuthenticator
  readonly login: BrowserLogin
  readonly keys: ReturnType<typeof loginKeys>
  readonly key: string
  readonly memory: LoginMemory
}

async function openLogin(
  config: LoginConfig,
  machine: Machine,
  needs: LoginNeeds,
): Promise<OpenLogin> {
  const { clock, random } = machine
  const { http, recorder, memories } = needs
  const onFault = faultsOf(config, machine, needs)
  const provider = await providerOf(config, machine, needs)
  const key = JSON.stringify(config)
  const memory = memories.get(key) ?? new LoginMemory(random, config)
  const keys = loginKeys(config, { http, clock, onFault })
  const login = new BrowserLogin({
    config,
    clock,
    memory,
    onFault,
    provider,
    logoutTokens: new LogoutTokens(keys, clock, memory),
    record: (event) => recordSession(event, recorder),
  })
  return {
    authenticator: authenticatorOf(config, provider, machine, needs, memory),
    login,
    keys,
    key,
    memory,
  }
}

async function providerOf(
  config: LoginConfig,
  { clock }: Machine,
  { http, readSecret }: LoginNeeds,
): Promise<LoginProvider> {
  const secret = config.clientSecret && (await readSecret(config.clientSecret))
  const clientSecret = secret && new TextDecoder('utf-8', { fatal: true }).decode(secret)
  return new LoginProvider({ config, clientSecret, http, clock })
}

function authenticatorOf(
  config: LoginConfig,
  provider: LoginProvider,
  machine: Machine,
  needs: LoginNeeds,
  { states, sessions }: { readonly states: LoginStates; readonly sessions: Sessions },
): SessionAuthenticator {
  const onFault = faultsOf(config, machine, needs)
  return new SessionAuthenticator({ config, provider, states, sessions, onFault })
}

/** Anybody may cause one: what is told of them is no more than an operator reads. */
function faultsOf(
  { name }: LoginConfig,
  { clock }: Machine,
  { log }: LoginNeeds,
): (fault: unknown) => void {
  return seldom(clock, (fault) => log.warn({ err: fault, login: name }, 'login'))
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
