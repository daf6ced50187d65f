import { type Authenticator, type Identification, type Refused, refused } from '../authenticator.ts'
import type { Presented } from '../presented.ts'
import { cookieValues, endedCookie, hostCookie } from './cookies.ts'
import type { LoginConfig } from './login-config.ts'
import { crowdedOut, sessionCookie, stateCookie } from './login-cookies.ts'
import type { LoginStates } from './login-state.ts'
import type { LoginProvider } from './provider.ts'
import { localPath } from './return-path.ts'
import { isSameOrigin } from './same-origin.ts'
import type { SessionFacts, Sessions } from './session-store.ts'

const LOGIN_MS = 600_000
const MS_US = 1000
const SECOND_MS = 1000

/** Methods that change nothing: a link on another site may cause them. */
const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS'])

export interface SessionAuthenticatorOptions {
  readonly config: LoginConfig
  readonly provider: Pick<LoginProvider, 'authorizationUrl'>
  readonly states: Pick<LoginStates, 'begin' | 'seal'>
  readonly sessions: Sessions
  readonly onFault: (fault: unknown) => void
}

/** Whoever has signed in with a browser, by the session; and who has not, to where they do. */
export class SessionAuthenticator implements Authenticator {
  readonly name: string
  readonly kind = 'session'
  readonly carrier = 'cookie'
  readonly challenges: readonly string[] = []
  readonly #options: SessionAuthenticatorOptions
  readonly #origin: string
  readonly #cookie: string

  constructor(options: SessionAuthenticatorOptions) {
    const { config } = options
    this.#options = options
    this.name = config.name
    this.#origin = new URL(config.externalUrl).origin
    this.#cookie = sessionCookie(config.name)
  }

  recognises(presented: Presented): boolean {
    return this.#secrets(presented).length > 0
  }

  authenticate(presented: Presented): Identification | Promise<Identification> {
    const secrets = this.#secrets(presented)
    if (secrets.length > 1) return refused('credentials-ambiguous')
    const [secret = ''] = secrets
    const session = this.#options.sessions.use(secret, presented.atUs)
    if (session instanceof Promise) return this.#judgeLater(presented, secret, session)
    return this.#judge(presented, secret, session)
  }

  /** Sends a browser that opens a page to the identity provider; undefined for anything else. */
  invite(presented: Presented): Promise<Refused> | undefined {
    return isNavigation(presented) ? this.#begin(presented) : undefined
  }

  async #judgeLater(
    presented: Presented,
    secret: string,
    asked: Promise<SessionFacts | undefined>,
  ): Promise<Identification> {
    try {
      return await this.#judge(presented, secret, await asked)
    } catch (fault) {
      this.#options.onFault(fault)
      return refused('credentials-unverifiable', { challenges: [] })
    }
  }

  #judge(
    presented: Presented,
    secret: string,
    session: SessionFacts | undefined,
  ): Identification | Promise<Identification> {
    if (session === undefined) {
      return this.invite(presented) ?? refused('credentials-expired', { challenges: [] })
    }
    if (!this.#isOurs(presented)) return refused('cross-site-refused', { challenges: [] })
    const { principal, id, untilUs, authenticatedAtUs, mfaAtUs } = session
    const credential = {
      method: 'session',
      id,
      expiresAtUs: untilUs,
      authenticatedAtUs,
      mfaAtUs,
    } as const
    const isStillGood = (atUs: number): boolean => this.#options.sessions.isLive(secret, atUs)
    return { known: true, principal, credential, isStillGood }
  }

  #secrets(presented: Presented): readonly string[] {
    return cookieValues(presented.valuesOf('cookie'), this.#cookie)
  }

  async #begin(presented: Presented): Promise<Refused> {
    const { provider, states, onFault } = this.#options
    // Not every host that a client may name is one that `URL` reads (`1.2.3.256`).
    const target = presented.url.replace(/^[a-z]+:\/\/[^/]*/, '')
    const state = states.begin({
      login: this.name,
      returnTo: localPath(target),
      untilUs: presented.atUs + LOGIN_MS * MS_US,
    })
    try {
      const url = await provider.authorizationUrl(state)
      const name = stateCookie(state.state)
      const sealed = states.seal(state)
      const crowded = crowdedOut(presented.valuesOf('cookie'), name.length + sealed.length)
      const headers = [
        ['location', url.href],
        ['set-cookie', hostCookie(name, sealed, LOGIN_MS / SECOND_MS)],
        ...crowded.map((old) => ['set-cookie', endedCookie(old)] as const),
      ] as const
      return refused('login-required', { challenges: [], headers })
    } catch (fault) {
      onFault(fault)
      return refused('credentials-unverifiable', { challenges: [] })
    }
  }

  /** A request that changes something must come from a page of this origin (or be typed in). */
  #isOurs(presented: Presented): boolean {
    if (SAFE_METHODS.has(presented.method)) return true
    return isSameOrigin(
      { get: (name: string) => presented.valuesOf(name).at(0) ?? null },
      this.#origin,
    )
  }
}

/** A page that a person opens, by what the browser says; old ones say it by what they accept. */
function isNavigation(presented: Presented): boolean {
  if (presented.method !== 'GET') return false
  const [mode] = presented.valuesOf('sec-fetch-mode')
  if (mode !== undefined) return mode === 'navigate'
  return presented.valuesOf('accept').some((value) => /(^|[, ])text\/html\b/i.test(value))
}
