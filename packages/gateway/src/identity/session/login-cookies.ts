import { cookieNames } from './cookies.ts'

/** How the names of all cookies of a login begin: no upstream gets one, or says one. */
export const LOGIN_COOKIE_PREFIX = '__Host-countersign-'

const STATE_COOKIE_PREFIX = `${LOGIN_COOKIE_PREFIX}login-`
/** Of 43 characters: enough to tell a browser's sign-ins apart, and the rest stays unsaid. */
const PIECE_LENGTH = 8
const STATE_COOKIE = new RegExp(`^${STATE_COOKIE_PREFIX}[A-Za-z0-9_-]{${PIECE_LENGTH}}$`)
/** Sign-ins that one browser may have under way; the last one begun is among them. */
const UNDER_WAY_MAX = 5
/** Characters that they may take of every request's head. */
const UNDER_WAY_LENGTH_MAX = 8192
/** Cookies that one answer takes away: what a request names is not all to be repeated. */
const ENDED_MAX = 20

/**
 * Holds the secret of the session; script and other hosts cannot read it. A browser may be signed
 * in at several logins of one host: each has its own.
 */
export function sessionCookie(login: string): string {
  return `${LOGIN_COOKIE_PREFIX}session-${login}`
}

/**
 * Holds the sealed state of a sign-in that is under way. Each has a name of its own, so that two
 * tabs may sign in at once.
 */
export function stateCookie(state: string): string {
  return `${STATE_COOKIE_PREFIX}${state.slice(0, PIECE_LENGTH)}`
}

/** False for the name that comes of what is no state. */
export function isStateCookie(name: string): boolean {
  return STATE_COOKIE.test(name)
}

/**
 * Names of cookies that have to go before one with `length` characters comes. A browser sends
 * those of one path in the order in which it got them (RFC 6265, section 5.4): the oldest go.
 */
export function crowdedOut(lines: readonly string[], length: number): readonly string[] {
  const underWay = cookieNames(lines).filter(({ name }) => isStateCookie(name))
  let room = UNDER_WAY_LENGTH_MAX - length
  const out = underWay.toReversed().filter((cookie, at) => {
    room -= cookie.length
    return at + 1 >= UNDER_WAY_MAX || room < 0
  })
  return [...new Set(out.map(({ name }) => name))].slice(-ENDED_MAX)
}
