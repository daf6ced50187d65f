import type { Clock } from '../../platform/index.ts'
import type { Principal } from '../principal.ts'
import { cookieValues, endedCookie, hostCookie } from './cookies.ts'
import { page } from './error-page.ts'
import type { LoginConfig } from './login-config.ts'
import { isStateCookie, sessionCookie, stateCookie } from './login-cookies.ts'
import type { LoginMemory } from './login-memory.ts'
import type { LoginState, LoginStates } from './login-state.ts'
import { checkLogoutToken } from './logout-token.ts'
import type { LogoutTokens } from './logout-tokens.ts'
import { LoginFault, type LoginProvider, type SignedIn } from './provider.ts'
import { isSameOrigin } from './same-origin.ts'
import type { Session, SessionEnd, SessionStore } from './session-store.ts'
import { hasMfa, principalId, principalOf, timeOf } from './signed-in.ts'

const MS_US = 1000
const SECOND_MS = 1000

/** A session that began or ended. It is on record before the browser learns of it. */
export interface SessionEvent {
  readonly act: 'created' | 'revoked'
  readonly session: Session
  readonly end?: SessionEnd
}

export interface BrowserLoginOptions {
  readonly config: LoginConfig
  readonly provider: LoginProvider
  readonly logoutTokens: LogoutTokens
  readonly clock: Clock
  readonly memory: LoginMemory
  /** Resolves when the event is on record; rejects when it cannot be. */
  readonly record: (event: SessionEvent) => Promise<void>
  readonly onFault: (fault: unknown) => void
}

/** People who sign in with a browser: OpenID Connect code flow, a session kept on this side. */
export class BrowserLogin {
  readonly #options: BrowserLoginOptions
  readonly #name: string
  readonly #origin: string
  readonly #cookie: string
  readonly #states: LoginStates
  readonly #sessions: SessionStore

  constructor(options: BrowserLoginOptions) {
    const { config, memory } = options
    this.#options = options
    this.#name = config.name
    this.#origin = new URL(config.externalUrl).origin
    this.#cookie = sessionCookie(config.name)
    this.#states = memory.states
    this.#sessions = memory.sessions
  }

  /** Answers what is asked of the login itself; undefined for what is not its own. */
  async answer(request: Request): Promise<Response | undefined> {
    const { pathname, search } = new URL(request.url)
    const own = `/.well-known/countersign/login/${this.#name}/`
    if (!pathname.startsWith(own)) return undefined
    const step = pathname.slice(own.length)
    if (request.method === 'GET' && step === 'callback') return this.#callback(request, search)
    if (request.method === 'POST' && step === 'logout') return this.#logout(request)
    if (request.method === 'POST' && step === 'back-channel') return this.#backChannel(request)
    return page(404, 'There is nothing here.')
  }

  /** Ends what is over; each end is on record. Called now and then. */
  async sweep(): Promise<void> {
    await this.#recordEnds(this.#sessions.sweep(this.#options.clock.nowUs()), 'expired')
  }

  /** Ends every session: the login is taken out of the configuration, or becomes another. */
  async withdraw(): Promise<void> {
    await this.#recordEnds(
      this.#sessions.endWhere(() => true),
      'withdrawn',
    )
  }

  async #callback(request: Request, search: string): Promise<Response> {
    const nowUs = this.#options.clock.nowUs()
    const asked = new URLSearchParams(search).getAll('state')
    const [secret = ''] = asked.length === 1 ? asked : []
    const cookie = stateCookie(secret)
    const state = this.#stateOf(request, cookie, nowUs)
    if (state?.state !== secret || !this.#states.redeem(state, nowUs)) {
      const what = 'This sign-in was not begun in this browser, is over, or was used before.'
      return failed(what, cookie)
    }
    let signedIn: SignedIn
    let principal: Principal
    try {
      signedIn = await this.#options.provider.signIn(search.slice(1), state)
      principal = principalOf(signedIn.claims, this.#options.config)
    } catch (fault) {
      this.#options.onFault(fault)
      return failed('The identity provider did not confirm the sign-in.', cookie)
    }
    return this.#open(request, { state, cookie, signedIn, principal })
  }

  #stateOf({ headers }: Request, cookie: string, nowUs: number): LoginState | undefined {
    const sealed = cookieValues([headers.get('cookie') ?? ''], cookie)
    const [only] = sealed
    if (only === undefined || sealed.length > 1) return undefined
    const state = this.#states.open(only, nowUs)
    return state?.login === this.#name ? state : undefined
  }

  /** A sign-in always makes a new session: one that somebody planted is of no use to them. */
  async #open(
    request: Request,
    done: {
      readonly state: LoginState
      /** Name of the one that held it. */
      readonly cookie: string
      readonly signedIn: SignedIn
      readonly principal: Principal
    },
  ): Promise<Response> {
    const { config, clock, record, onFault } = this.#options
    const { claims, idToken } = done.signedIn
    const startedUs = clock.nowUs()
    const authenticatedAtUs = timeOf(claims.auth_time)
    const { secret, session } = this.#sessions.prepare({
      login: this.#name,
      principal: done.principal,
      providerSession: typeof claims.sid === 'string' ? claims.sid : undefined,
      authenticatedAtUs,
      mfaAtUs: hasMfa(claims, config) ? authenticatedAtUs : undefined,
      idToken,
      startedUs,
      untilUs: startedUs + config.sessionMs * MS_US,
    })
    try {
      await record({ act: 'created', session })
    } catch (fault) {
      onFault(fault)
      return page(503, 'The sign-in cannot be recorded, so it is not completed. Try again later.')
    }
    await this.#endOld(request)
    for (const { session: old, end } of this.#sessions.add(secret, session)) {
      await this.#recordEnds([old], end)
    }
    const cookie = hostCookie(this.#cookie, secret, Math.floor(config.sessionMs / SECOND_MS))
    return redirect(done.state.returnTo, [cookie, endedCookie(done.cookie)])
  }

  async #endOld(request: Request): Promise<void> {
    for (const secret of cookieValues([request.headers.get('cookie') ?? ''], this.#cookie)) {
      const old = this.#sessions.end(secret)
      if (old !== undefined) await this.#recordEnds([old], 'replaced')
    }
  }

  /** A form of the application's own pages; another site's cannot end a session. */
  async #logout(request: Request): Promise<Response> {
    if (!isSameOrigin(request.headers, this.#origin)) {
      return page(403, 'Signing out is for pages of this site.')
    }
    const [secret = ''] = cookieValues([request.headers.get('cookie') ?? ''], this.#cookie)
    const session = this.#sessions.end(secret)
    if (session !== undefined) await this.#recordEnds([session], 'logout')
    const there = session && (await this.#endThere(session))
    return redirect(there ?? '/', [endedCookie(this.#cookie)])
  }

  async #endThere(session: Session): Promise<string | undefined> {
    try {
      return (await this.#options.provider.endSessionUrl(session.idToken))?.href
    } catch (fault) {
      this.#options.onFault(fault)
      return undefined // Signed out here all the same.
    }
  }

  /** OpenID Connect Back-Channel Logout 1.0: the provider says who is to be signed out. */
  async #backChannel(request: Request): Promise<Response> {
    const { config, logoutTokens, clock, onFault } = this.#options
    try {
      const token = new URLSearchParams(await request.text()).getAll('logout_token')
      const [only] = token
      if (only === undefined || token.length > 1) throw new LoginFault('not one logout_token')
      const claims = await logoutTokens.verify(only)
      const { jti, sub, sid } = checkLogoutToken(claims, config, clock.nowUs())
      if (!logoutTokens.redeem(jti)) throw new LoginFault('logout_token was used before')
      const ended = this.#sessions.endWhere(({ principal, providerSession }) => {
        if (sid !== undefined && providerSession !== sid) return false
        return sub === undefined || principal.id === principalId(config, sub)
      })
      await this.#recordEnds(ended, 'back-channel')
      return new Response(null, { status: 200, headers: { 'cache-control': 'no-store' } })
    } catch (fault) {
      onFault(fault)
      const body = { error: 'invalid_request' }
      return Response.json(body, { status: 400, headers: { 'cache-control': 'no-store' } })
    }
  }

  /** An end takes effect even where it cannot be recorded; then the operator is told. */
  async #recordEnds(sessions: readonly Session[], end: SessionEnd): Promise<void> {
    const { record, onFault } = this.#options
    for (const session of sessions) {
      await record({ act: 'revoked', session, end }).catch(onFault)
    }
  }
}

/** Ends this sign-in and no other: what another site leads here names none of this browser's. */
function failed(text: string, cookie: string): Response {
  const response = page(400, `${text} Open the page again to sign in.`)
  if (isStateCookie(cookie)) response.headers.append('set-cookie', endedCookie(cookie))
  return response
}

function redirect(location: string, cookies: readonly string[]): Response {
  const headers = new Headers({ location, 'cache-control': 'no-store' })
  for (const cookie of cookies) headers.append('set-cookie', cookie)
  return new Response(null, { status: 303, headers })
}
