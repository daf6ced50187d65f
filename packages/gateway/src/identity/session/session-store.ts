import { hash } from 'node:crypto'
import type { Random } from '../../platform/index.ts'
import type { Principal } from '../principal.ts'

/** Somebody who has signed in with a browser. */
export interface Session {
  /** Names the session in records and lists; it proves nothing. */
  readonly id: string
  readonly login: string
  readonly principal: Principal
  /** `sid` of the identity provider, where it names one. */
  readonly providerSession: string | undefined
  readonly authenticatedAtUs: number | undefined
  readonly mfaAtUs: number | undefined
  readonly idToken: string
  readonly startedUs: number
  readonly untilUs: number
}

/** What a request that shows a session goes by. */
export type SessionFacts = Pick<
  Session,
  'id' | 'principal' | 'untilUs' | 'authenticatedAtUs' | 'mfaAtUs'
>

/** What whoever judges requests asks; at once where the sessions are kept in this process. */
export interface Sessions {
  /** The session of a secret, used now; undefined when there is none or it is over. */
  use(secret: string, nowUs: number): SessionFacts | undefined | Promise<SessionFacts | undefined>
  /** Whether there is one still; asking is no use of it. */
  isLive(secret: string, atUs: number): boolean
}

interface Kept {
  readonly session: Session
  usedUs: number
}

export interface SessionLimits {
  readonly sessionsMax: number
  readonly sessionsPerPersonMax: number
  readonly idleMs: number
}

const SECRET_BYTES = 32
const ID_LENGTH = 16
const MS_US = 1000

/** Who ended a session, for the records. */
export type SessionEnd =
  | 'logout'
  | 'back-channel'
  | 'expired'
  | 'replaced'
  | 'evicted'
  | 'share'
  | 'withdrawn'

/** A session that ended for a newer one. */
export interface GivenWay {
  readonly session: Session
  readonly end: Extract<SessionEnd, 'evicted' | 'share'>
}

/**
 * Sessions of one process, found by the hash of a secret that only the browser holds. They end with
 * the process: nothing personal is written to the disk for them, and who is still signed in at the
 * identity provider is back with one redirect.
 */
export class SessionStore implements Sessions {
  readonly #random: Random
  readonly #limits: SessionLimits
  readonly #bySecret = new Map<string, Kept>()
  /** Keys of each person's sessions, in the order of their beginnings. */
  readonly #byPerson = new Map<string, Set<string>>()
  #onEnd: (key: string) => void = () => undefined

  constructor(random: Random, limits: SessionLimits) {
    this.#random = random
    this.#limits = limits
  }

  get size(): number {
    return this.#bySecret.size
  }

  /** From here on `tell` is told of the key of each session that is over. */
  onEnd(tell: (key: string) => void): void {
    this.#onEnd = tell
  }

  /** The secret goes into the cookie, and is kept nowhere. */
  prepare(facts: Omit<Session, 'id'>): { readonly secret: string; readonly session: Session } {
    const secret = Buffer.from(this.#random.bytes(SECRET_BYTES)).toString('base64url')
    return { secret, session: { ...facts, id: hash('sha256', `id:${secret}`).slice(0, ID_LENGTH) } }
  }

  /** Returns what had to give way: of a person with too many the oldest, before anybody else's. */
  add(secret: string, session: Session): readonly GivenWay[] {
    const added = sessionKey(secret)
    this.#bySecret.set(added, { session, usedUs: session.startedUs })
    const own = this.#byPerson.get(session.principal.id) ?? new Set()
    this.#byPerson.set(session.principal.id, own.add(added))
    const gone: GivenWay[] = []
    for (const key of own) {
      if (own.size <= this.#limits.sessionsPerPersonMax) break
      const old = this.#remove(key)
      if (old !== undefined) gone.push({ session: old, end: 'share' })
    }
    for (const [key, kept] of this.#bySecret) {
      if (this.#bySecret.size <= this.#limits.sessionsMax) break
      this.#remove(key)
      gone.push({ session: kept.session, end: 'evicted' })
    }
    return gone
  }

  use(secret: string, nowUs: number): Session | undefined {
    return this.useOf(sessionKey(secret), nowUs)
  }

  /** As `use`, by the key: for whoever has the secret in another process. */
  useOf(key: string, nowUs: number): Session | undefined {
    const kept = this.#bySecret.get(key)
    if (kept === undefined || this.#isOver(kept, nowUs)) return undefined
    kept.usedUs = nowUs
    this.#bySecret.delete(key) // To the end: the map is in the order of use.
    this.#bySecret.set(key, kept)
    return kept.session
  }

  isLive(secret: string, atUs: number): boolean {
    const kept = this.#bySecret.get(sessionKey(secret))
    return kept !== undefined && !this.#isOver(kept, atUs)
  }

  end(secret: string): Session | undefined {
    return this.#remove(sessionKey(secret))
  }

  /** Ends every session that `matches`, and returns them. */
  endWhere(matches: (session: Session) => boolean): readonly Session[] {
    const ended: Session[] = []
    for (const [key, { session }] of this.#bySecret) {
      if (!matches(session)) continue
      this.#remove(key)
      ended.push(session)
    }
    return ended
  }

  /** Ends what is over, and returns it. */
  sweep(nowUs: number): readonly Session[] {
    const ended: Session[] = []
    for (const [key, kept] of this.#bySecret) {
      if (!this.#isOver(kept, nowUs)) continue
      this.#remove(key)
      ended.push(kept.session)
    }
    return ended
  }

  #remove(key: string): Session | undefined {
    const session = this.#bySecret.get(key)?.session
    if (session === undefined) return undefined
    this.#bySecret.delete(key)
    const own = this.#byPerson.get(session.principal.id)
    own?.delete(key)
    if (own?.size === 0) this.#byPerson.delete(session.principal.id)
    this.#onEnd(key)
    return session
  }

  #isOver({ session, usedUs }: Kept, nowUs: number): boolean {
    return session.untilUs <= nowUs || usedUs + this.#limits.idleMs * MS_US <= nowUs
  }
}

/** What a session is found by; it does not tell the secret. */
export function sessionKey(secret: string): string {
  return hash('sha256', secret)
}
