import { hash } from 'node:crypto'
import {
  type Authenticator,
  BEARER_CHALLENGE,
  type Identification,
  type Refused,
  refused,
} from '../authenticator.ts'
import { parseConfirmation } from '../binding/confirmation.ts'
import type { Algorithm } from '../jwt/algorithms.ts'
import { member } from '../jwt/members.ts'
import type { Jws } from '../jwt/read-jws.ts'
import { refusedToken } from '../jwt/refused-token.ts'
import { signerOf } from '../jwt/signer.ts'
import { isForUs, readTime } from '../jwt/token-rules.ts'
import type { Presented } from '../presented.ts'
import { admit, type TokenCheck } from '../token/token-check.ts'
import type { VerifiedToken, VerifiedTokens } from '../token/verified-tokens.ts'
import type { BundleKeeper } from './bundle-keeper.ts'
import { jwtSvidsName, type SpiffeConfig } from './spiffe-config.ts'
import { workloadOf } from './spiffe-principal.ts'
import { SVID_RULES } from './trust-bundle.ts'

const ID_LENGTH_MAX = 256

export interface JwtSvidsOptions {
  readonly config: SpiffeConfig
  readonly bundle: Pick<BundleKeeper, 'current'>
  readonly check: TokenCheck
  readonly tokens: VerifiedTokens
  readonly clockSkewMs: number
}

/** Workloads that show a JWT-SVID: a bearer token whose subject is a SPIFFE ID of the domain. */
export class JwtSvids implements Authenticator {
  readonly kind = 'spiffe-jwt'
  readonly carrier = 'authorization'
  readonly challenges = [BEARER_CHALLENGE]
  readonly name: string
  readonly #options: JwtSvidsOptions
  readonly #subjects: string

  constructor(options: JwtSvidsOptions) {
    this.name = jwtSvidsName(options.config.name)
    this.#options = options
    this.#subjects = `spiffe://${options.config.trustDomain}/`
  }

  recognises(presented: Presented): boolean {
    const shown = presented.authorization
    if (shown.kind !== 'token' || shown.form !== 'jwt') return false
    const known = this.#options.tokens.get(presented)
    if (known !== undefined) return known.authenticator === this.name
    const { jws: reading } = presented
    const subject = reading.ok ? member(reading.jws.payload, 'sub') : undefined
    return typeof subject === 'string' && subject.startsWith(this.#subjects)
  }

  authenticate(presented: Presented): Identification | Promise<Identification> {
    const { tokens, check } = this.#options
    const known = tokens.get(presented)
    if (known !== undefined) return admit(known, presented, check)
    const { jws: reading } = presented
    return reading.ok ? this.#verify(reading.jws, presented) : refusedToken(reading.fault)
  }

  async #verify(jws: Jws, presented: Presented): Promise<Identification> {
    const { config, bundle, tokens, check } = this.#options
    const header = readHeader(jws)
    if (typeof header === 'string') return refusedToken(header)
    const read = this.#readClaims(jws, presented.atUs)
    if ('known' in read) return read
    const { keys } = bundle.current() ?? {}
    if (keys === undefined) return refused('credentials-unverifiable')
    const choice = keys.choose(header.algorithm, header.kid)
    if (!choice.ok) return refusedToken(choice.fault)
    const key = signerOf(jws, header.algorithm, choice.keys)
    if (key === undefined) return refusedToken('signature')
    const principal = workloadOf(read.subject, config)
    if (typeof principal === 'string') return refused('credentials-invalid', { fault: principal })
    const token: VerifiedToken = {
      ...read,
      authenticator: this.name,
      principal,
      isStillGood: () => bundle.current()?.keys.has(key) === true,
    }
    tokens.put(presented.tokenSha256, token)
    return admit(token, presented, check)
  }

  /** JWT-SVID, section 3: `sub`, `aud` and `exp` are required; the rest is as it may be. */
  #readClaims(
    { payload, payloadBytes }: Jws,
    atUs: number,
  ): Refused | Omit<VerifiedToken, 'authenticator' | 'principal' | 'isStillGood'> {
    const skewUs = this.#options.clockSkewMs * 1000
    const subject = member(payload, 'sub')
    if (typeof subject !== 'string') return refusedToken('subject')
    if (!isForUs(member(payload, 'aud'), this.#options.config.audiences)) {
      return refusedToken('audience')
    }
    const [exp, nbf, iat] = ['exp', 'nbf', 'iat'].map((name) => readTime(member(payload, name)))
    if (exp === undefined || [exp, nbf, iat].includes(Number.NaN)) return refusedToken('times')
    if (exp + skewUs <= atUs) return refusedToken('expired')
    if ((nbf ?? 0) > atUs + skewUs || (iat ?? 0) > atUs + skewUs) {
      return refusedToken('not-yet-valid')
    }
    const confirmation = parseConfirmation(member(payload, 'cnf'))
    if (confirmation === 'unknown') return refusedToken('confirmation')
    const id = member(payload, 'jti')
    if (id !== undefined && (typeof id !== 'string' || id.length > ID_LENGTH_MAX)) {
      return refusedToken('token-id')
    }
    return {
      subject,
      confirmation,
      issuedAtUs: iat,
      untilUs: exp + skewUs,
      credential: {
        method: 'spiffe-jwt',
        id,
        sha256: hash('sha256', payloadBytes, 'hex'),
        expiresAtUs: exp,
      },
    }
  }
}

/** JWT-SVID, section 2: `kid` is required, `typ` is JWT or JOSE where it is there. */
function readHeader({
  header,
}: Jws):
  | { readonly algorithm: Algorithm; readonly kid: string }
  | 'header-algorithm'
  | 'header-type'
  | 'header-key'
  | 'header-critical' {
  const algorithm = SVID_RULES.algorithms.find((name) => name === member(header, 'alg'))
  if (algorithm === undefined) return 'header-algorithm'
  if (Object.hasOwn(header, 'crit') || Object.hasOwn(header, 'b64')) return 'header-critical'
  const typ = member(header, 'typ')
  if (typ !== undefined && typ !== 'JWT' && typ !== 'JOSE') return 'header-type'
  const kid = member(header, 'kid')
  return typeof kid === 'string' ? { algorithm, kid } : 'header-key'
}
