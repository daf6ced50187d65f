import type { Random } from '../../platform/index.ts'
import { LoginStates } from './login-state.ts'
import { type SessionLimits, SessionStore } from './session-store.ts'

/** What a login remembers: it may outlive the configuration that it began under. */
export class LoginMemory {
  readonly states: LoginStates
  readonly sessions: SessionStore
  /** By `jti`, until when: what lives as long as the sessions must not be ended twice. */
  readonly usedLogoutTokens = new Map<string, number>()

  constructor(random: Random, limits: SessionLimits) {
    this.states = new LoginStates(random)
    this.sessions = new SessionStore(random, limits)
  }
}
