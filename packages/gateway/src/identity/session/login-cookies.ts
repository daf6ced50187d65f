/** How the names of all cookies of a login begin. */
export const LOGIN_COOKIE_PREFIX = '__Host-countersign-'
/** Holds the secret of the session; script and other hosts cannot read it. */
export const SESSION_COOKIE = `${LOGIN_COOKIE_PREFIX}session`
/** Holds the sealed state of a sign-in that is under way. */
export const LOGIN_COOKIE = `${LOGIN_COOKIE_PREFIX}login`
/** Cookies that are between the browser and the gateway: no upstream gets them. */
export const LOGIN_COOKIES: ReadonlySet<string> = new Set([SESSION_COOKIE, LOGIN_COOKIE])
