import type { Random } from '../../platform/index.ts'
import { LoginStates } from './login-state.ts'
import { type SessionLimits, SessionStore } from './session-store.ts'

/** What a login remembers: it may outlive the configuration that it began under. */
export class LoginMemory {
  /** Of the login. */
  readonly name: string
  readonly states: LoginStates
  readonly sessions: SessionStore
  /** By `jti`, until when: what lives as long as the sessions must not be ended twice. */
  readonly usedLogoutTokens = new Map<string, number>()

  constructor(random: Random, { name, ...limits }: SessionLimits & { readonly name: string }) {
    this.name = name
    this.states = new LoginStates(random)
    this.sessions = new SessionStore(random, limits)
  }
}
