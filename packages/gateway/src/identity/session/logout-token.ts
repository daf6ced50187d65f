import type { LoginConfig } from './login-config.ts'
import { LoginFault } from './provider.ts'

const EVENT = 'http://schemas.openid.net/event/backchannel-logout'
const SKEW_US = 60_000_000
const AGE_US = 300_000_000
/** After this long no logout token holds any more: its age, and clocks that differ. */
export const LOGOUT_TOKEN_MS_MAX: number = (AGE_US + 2 * SKEW_US) / 1000
const SECOND_US = 1_000_000

/** Whom a logout token signs out. */
export interface LogoutTokenFacts {
  readonly jti: string
  readonly sub: string | undefined
  readonly sid: string | undefined
}

/** OpenID Connect Back-Channel Logout 1.0, section 2.6. Throws LoginFault. */
export function checkLogoutToken(
  claims: Readonly<Record<string, unknown>>,
  { issuer, clientId }: Pick<LoginConfig, 'issuer' | 'clientId'>,
  nowUs: number,
): LogoutTokenFacts {
  const { iss, aud, iat, exp, jti, events, nonce, sub, sid } = claims
  demand(iss === issuer, 'iss')
  demand(Array.isArray(aud) ? aud.includes(clientId) : aud === clientId, 'aud')
  demand(isTime(iat) && iat * SECOND_US <= nowUs + SKEW_US, 'iat')
  demand(Number(iat) * SECOND_US >= nowUs - AGE_US, 'iat')
  demand(isTime(exp) && exp * SECOND_US > nowUs - SKEW_US, 'exp')
  demand(typeof jti === 'string' && jti !== '', 'jti')
  demand(isObject(events) && isObject(events[EVENT]), 'events')
  demand(nonce === undefined, 'nonce')
  demand(sub === undefined || typeof sub === 'string', 'sub')
  demand(sid === undefined || typeof sid === 'string', 'sid')
  demand(sub !== undefined || sid !== undefined, 'sub or sid')
  return { jti: asText(jti) ?? '', sub: asText(sub), sid: asText(sid) }
}

function demand(holds: boolean, claim: string): asserts holds {
  if (!holds) throw new LoginFault(`logout token: ${claim} is not as it must be`)
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value * SECOND_US)
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function asText(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}
