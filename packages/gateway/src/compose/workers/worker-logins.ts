import { FollowedSessions, type LoginConfig, LoginStates } from '../../identity/index.ts'
import type { Random } from '../../platform/index.ts'
import type { FollowedLogins } from '../open-logins.ts'
import type { Asker } from './asker.ts'
import type { LoginWords } from './messages.ts'
import { faultIn } from './record-fault.ts'

/** Who has signed in with a browser, as a worker sees it: the gateway keeps the sessions. */
export class WorkerLogins implements FollowedLogins {
  readonly #asker: Asker
  readonly #random: Random
  /** What seals the state of sign-ins, by the login's configuration. */
  #keys: ReadonlyMap<string, Uint8Array> = new Map()
  readonly #sessions = new Map<string, FollowedSessions>()

  constructor(parts: { readonly asker: Asker; readonly random: Random }) {
    this.#asker = parts.asker
    this.#random = parts.random
  }

  /** For the configuration that is opened next. */
  expect(words: LoginWords): void {
    const former = this.#keys
    this.#keys = new Map(words)
    for (const named of this.#sessions.keys()) {
      if (!former.has(named) && !this.#keys.has(named)) this.#sessions.delete(named)
    }
  }

  of(config: LoginConfig): ReturnType<FollowedLogins['of']> {
    const named = JSON.stringify(config)
    const key = this.#keys.get(named)
    if (key === undefined) throw new Error(`login ${config.name} is not the gateway's`)
    const sessions = this.#sessions.get(named) ?? this.#follow(config)
    this.#sessions.set(named, sessions)
    return { states: new LoginStates(this.#random, key), sessions }
  }

  /** Sessions of these keys are over. */
  end(keys: readonly string[]): void {
    for (const sessions of this.#sessions.values()) sessions.end(keys)
  }

  #follow(config: LoginConfig): FollowedSessions {
    const ask = async (key: string) => {
      const answer = await this.#asker.ask((place) => ['session', place, config.name, key])
      if (answer[0] !== 'session') throw faultIn(answer)
      return answer[2]
    }
    return new FollowedSessions(ask, config)
  }
}
