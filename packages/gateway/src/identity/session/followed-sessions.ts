import { type SessionFacts, type Sessions, sessionKey } from './session-store.ts'

/**
 * Sessions that another process keeps. Each use is asked for; that one has ended is told.
 */
export class FollowedSessions implements Sessions {
  readonly #ask: (key: string) => Promise<SessionFacts | undefined>
  readonly #sessionsMax: number
  /** Until when, of those that were used here. */
  readonly #live = new Map<string, number>()

  /** `ask`: uses the session of a key, where there is one. */
  constructor(
    ask: (key: string) => Promise<SessionFacts | undefined>,
    { sessionsMax }: { readonly sessionsMax: number },
  ) {
    this.#ask = ask
    this.#sessionsMax = sessionsMax
  }

  async use(secret: string): Promise<SessionFacts | undefined> {
    const key = sessionKey(secret)
    const session = await this.#ask(key)
    this.#live.delete(key)
    if (session === undefined) return undefined
    this.#live.set(key, session.untilUs) // At the end: the map is in the order of use.
    const [oldest = key] = this.#live.keys()
    if (this.#live.size > this.#sessionsMax) this.#live.delete(oldest)
    return session
  }

  isLive(secret: string, atUs: number): boolean {
    const untilUs = this.#live.get(sessionKey(secret))
    return untilUs !== undefined && atUs < untilUs
  }

  /** Those of these keys are over. */
  end(keys: readonly string[]): void {
    for (const key of keys) this.#live.delete(key)
  }
}
