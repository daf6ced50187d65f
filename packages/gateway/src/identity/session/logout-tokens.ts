import type { Clock } from '../../platform/index.ts'
import { isAlgorithm, USUAL_ALGORITHMS } from '../jwt/algorithms.ts'
import type { IssuerKeys } from '../jwt/issuer-keys.ts'
import { type Members, member } from '../jwt/members.ts'
import { readJws } from '../jwt/read-jws.ts'
import { signerOf } from '../jwt/signer.ts'
import type { LoginMemory } from './login-memory.ts'
import { LOGOUT_TOKEN_MS_MAX } from './logout-token.ts'
import { LoginFault } from './provider.ts'

/** Ids of tokens that were used; a token beyond it is refused until the oldest are forgotten. */
const USED_MAX = 100_000

/** Logout tokens of one identity provider: whose signature holds, and which were used. */
export class LogoutTokens {
  readonly #keys: IssuerKeys
  readonly #clock: Clock
  /** By `jti`, when it may be forgotten; in that order. */
  readonly #used: Map<string, number>

  constructor(
    keys: IssuerKeys,
    clock: Clock,
    { usedLogoutTokens }: Pick<LoginMemory, 'usedLogoutTokens'>,
  ) {
    this.#keys = keys
    this.#clock = clock
    this.#used = usedLogoutTokens
  }

  /** The claims of a token whose signature holds. Throws LoginFault. */
  async verify(token: string): Promise<Members> {
    const reading = readJws(token)
    if (!reading.ok) throw new LoginFault(`logout token: ${reading.fault}`)
    const { header, payload } = reading.jws
    const [algorithm, kid, typ] = ['alg', 'kid', 'typ'].map((name) => member(header, name))
    const isUsual = typeof algorithm === 'string' && isAlgorithm(algorithm)
    if (!isUsual || !USUAL_ALGORITHMS.includes(algorithm)) throw new LoginFault('logout token: alg')
    if (kid !== undefined && typeof kid !== 'string') throw new LoginFault('logout token: kid')
    if (typ !== undefined && !isLogoutType(typ)) throw new LoginFault('logout token: typ')
    if (member(header, 'crit') !== undefined) throw new LoginFault('logout token: crit')
    if (this.#keys.current()?.lacks(kid) !== false) await this.#keys.refresh()
    const choice = this.#keys.current()?.choose(algorithm, kid)
    if (choice?.ok !== true) throw new LoginFault('logout token: no key')
    const key = signerOf(reading.jws, algorithm, choice.keys)
    if (key === undefined) throw new LoginFault('logout token: signature')
    return payload
  }

  /** False for a token that was used before, and while too many were used lately. */
  redeem(jti: string): boolean {
    const nowMs = this.#clock.ticksMs()
    for (const [used, untilMs] of this.#used) {
      if (untilMs > nowMs) break
      this.#used.delete(used)
    }
    if (this.#used.has(jti) || this.#used.size >= USED_MAX) return false
    this.#used.set(jti, nowMs + LOGOUT_TOKEN_MS_MAX)
    return true
  }
}

/** `logout+jwt`, as the specification recommends, or what providers set on any JWT. */
function isLogoutType(typ: unknown): boolean {
  return typeof typ === 'string' && /^(application\/)?(logout\+)?jwt$/i.test(typ)
}
