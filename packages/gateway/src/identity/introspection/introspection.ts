import { type Clock, type HttpClient, HttpError, type HttpResponse } from '../../platform/index.ts'
import {
  type Authenticator,
  BEARER_CHALLENGE,
  type Identification,
  type Refused,
  refused,
} from '../authenticator.ts'
import { IdentityError } from '../identity-error.ts'
import { type Members, member, parseMembers } from '../jwt/members.ts'
import { refusedToken } from '../jwt/refused-token.ts'
import type { Presented } from '../presented.ts'
import { admit, type TokenCheck } from '../token/token-check.ts'
import { credentialOf, type Naming, principalOf } from '../token/token-identity.ts'
import type { VerifiedToken, VerifiedTokens } from '../token/verified-tokens.ts'
import type { IntrospectionConfig } from './introspection-config.ts'
import { OpenToken } from './open-token.ts'
import { Pauses } from './pauses.ts'
import { Questions } from './questions.ts'
import { type IntrospectionRules, readAnswer } from './read-answer.ts'

const ANSWER_BYTES_MAX = 65_536
/** Tokens that were said to be inactive; more of them push the oldest out. */
const INACTIVE_MAX = 10_000
const HTTP_OK = 200
/** Statuses that whoever sends an odd token can bring about: nobody else is to wait for it. */
const ABOUT_ONE_TOKEN: ReadonlySet<number> = new Set([400, 413, 422])

export interface IntrospectionOptions {
  readonly config: IntrospectionConfig
  readonly clientSecret: string
  readonly clockSkewMs: number
  readonly http: HttpClient
  readonly clock: Clock
  readonly check: TokenCheck
  readonly tokens: VerifiedTokens
  /** What counts as one source of requests, of a client's address. */
  readonly networkOf: (address: string) => string
  readonly onFailure: (cause: unknown) => void
}

/** Asks an issuer about tokens that only it can read (RFC 7662). What it does not say is no. */
export class Introspection implements Authenticator {
  readonly kind = 'introspection'
  readonly carrier = 'authorization'
  readonly challenges = [BEARER_CHALLENGE]
  readonly name: string
  readonly #options: IntrospectionOptions
  readonly #rules: IntrospectionRules
  readonly #naming: Naming
  /** Digest of a token, and until when it is taken to be inactive. */
  readonly #inactive = new Map<string, number>()
  readonly #asking = new Map<string, Promise<VerifiedToken | Refused>>()
  readonly #questions: Questions
  readonly #pauses = new Pauses()

  constructor(options: IntrospectionOptions) {
    const { config, clockSkewMs } = options
    const { issuer, audiences, clients, subjectClaim, scopes, map, kind, mfaAcr } = config
    const { principalPrefix = `${config.name}:` } = config
    this.name = config.name
    this.#options = options
    this.#questions = new Questions(config)
    this.#rules = { issuer, audiences, clients, clockSkewMs, subjectClaim, scopes }
    const scopeClaim = scopes.claim
    this.#naming = { issuer, mapping: map, principalPrefix, kind, mfaAcr, scopeClaim }
  }

  recognises({ authorization: shown }: Presented): boolean {
    return shown.kind === 'token' && shown.form === 'opaque'
  }

  authenticate(presented: Presented): Identification | Promise<Identification> {
    const { tokens, clock } = this.#options
    const { tokenSha256, atUs } = presented
    const known = tokens.get(presented)
    if (known?.authenticator === this.name) return this.#admit(known, presented)
    const untilMs = this.#inactive.get(tokenSha256)
    if (untilMs !== undefined && clock.ticksMs() < untilMs) return refusedToken('inactive')
    const asking = this.#asking.get(tokenSha256)
    if (asking !== undefined) return asking.then((found) => this.#settle(found, presented))
    const network = this.#networkToAsk(presented)
    if (network === undefined) return refused('credentials-unverifiable')
    return this.#begin(presented, network, atUs).then((found) => this.#settle(found, presented))
  }

  #settle(found: VerifiedToken | Refused, presented: Presented): Identification {
    return 'known' in found ? found : this.#admit(found, presented)
  }

  /** What stays open with the token asks about it again when the last answer counts no more. */
  #admit(token: VerifiedToken, presented: Presented): Identification {
    const { check, clock, config } = this.#options
    const admitted = admit(token, presented, check)
    if (!admitted.known) return admitted
    const open = new OpenToken(token, { clock, unansweredMs: config.unansweredMs }, (atUs) =>
      this.#askAgain(presented, atUs),
    )
    const { isStillGood } = admitted
    return {
      ...admitted,
      isStillGood: (atUs) => isStillGood?.(atUs) !== false && open.isStillGood(atUs),
    }
  }

  /** What is known now; undefined where nothing is, and nothing can be asked. */
  async #askAgain(
    presented: Presented,
    atUs: number,
  ): Promise<VerifiedToken | Refused | undefined> {
    const known = this.#options.tokens.get({ shown: presented.shown, atUs })
    if (known?.authenticator === this.name) return known
    const asking = this.#asking.get(presented.tokenSha256)
    if (asking !== undefined) return asking
    const network = this.#networkToAsk(presented)
    return network === undefined ? undefined : this.#begin(presented, network, atUs)
  }

  /** On whose account the question is; undefined where none may be asked now. */
  #networkToAsk({ peer, tokenSha256 }: Presented): string | undefined {
    const { networkOf, clock } = this.#options
    const network = networkOf(peer.address)
    if (!this.#questions.hasRoom(network)) return undefined
    return this.#pauses.holds(tokenSha256, network, clock.ticksMs()) ? undefined : network
  }

  #begin(presented: Presented, network: string, atUs: number): Promise<VerifiedToken | Refused> {
    const { tokenSha256 } = presented
    this.#questions.begin(network)
    const asking = this.#ask(presented, network, atUs).finally(() => {
      this.#asking.delete(tokenSha256)
      this.#questions.end(network)
    })
    this.#asking.set(tokenSha256, asking)
    return asking
  }

  async #ask(
    presented: Presented,
    network: string,
    atUs: number,
  ): Promise<VerifiedToken | Refused> {
    const { clock, onFailure, config } = this.#options
    const shown = presented.authorization
    if (shown.kind !== 'token') return refused('credentials-malformed')
    try {
      const { status, body: bytes } = await this.#post(shown.token)
      if (status !== HTTP_OK) {
        const fault = statusFault(config.name, status)
        if (!ABOUT_ONE_TOKEN.has(status)) throw fault
        onFailure(fault)
        return refused('credentials-unverifiable')
      }
      const answer = parseMembers(bytes)
      const active = answer === undefined ? undefined : member(answer, 'active')
      // A text that says "true" is no answer to whether: nothing that is not a boolean counts.
      if (answer === undefined || typeof active !== 'boolean') throw unusable(config.name)
      this.#pauses.answered()
      if (active) return this.#adopt(answer, bytes, presented.tokenSha256, atUs)
      this.#remember(presented.tokenSha256, clock.ticksMs() + config.inactiveMs)
      return refusedToken('inactive')
    } catch (cause) {
      const token = presented.tokenSha256
      this.#pauses.failed({ token, network }, clock.ticksMs(), isAboutOneToken(cause))
      onFailure(cause)
      return refused('credentials-unverifiable')
    }
  }

  #post(token: string): Promise<HttpResponse> {
    const { http, config, clientSecret } = this.#options
    const { clientId, endpoint: url, answerMs: timeoutMs } = config
    const credentials = [clientId, clientSecret].map(encodeForm).join(':')
    return http.request({
      url,
      method: 'POST',
      headers: {
        accept: 'application/json',
        authorization: `Basic ${Buffer.from(credentials).toString('base64')}`,
        'content-type': 'application/x-www-form-urlencoded',
      },
      body: Buffer.from(`token=${encodeForm(token)}&token_type_hint=access_token`),
      bytesMax: ANSWER_BYTES_MAX,
      timeoutMs,
      allowsLoopbackHttp: config.allowLoopbackHttp,
    })
  }

  #adopt(
    members: Members,
    bytes: Uint8Array,
    tokenSha256: string,
    atUs: number,
  ): VerifiedToken | Refused {
    const { config, tokens, clockSkewMs } = this.#options
    const reading = readAnswer(members, this.#rules, atUs)
    if (!reading.ok) return refusedToken(reading.fault)
    const { facts } = reading
    const principal = principalOf(members, facts, this.#naming)
    if (principal === undefined) return refusedToken('claims')
    const { mfaAcr } = this.#naming
    const believedUntilUs = atUs + config.cacheMs * 1000
    const expiresAtUs = facts.expiresAtUs ?? Number.POSITIVE_INFINITY
    const token: VerifiedToken = {
      authenticator: this.name,
      principal,
      credential: credentialOf({ members, bytes }, facts, { method: 'introspection', mfaAcr }),
      confirmation: facts.confirmation,
      issuedAtUs: facts.issuedAtUs,
      subject: facts.subject,
      untilUs: expiresAtUs + clockSkewMs * 1000,
      knownUntilUs: Math.min(expiresAtUs, believedUntilUs),
      isStillGood: () => true,
    }
    tokens.put(tokenSha256, token)
    return token
  }

  #remember(tokenSha256: string, untilMs: number): void {
    const [oldest] = this.#inactive.keys()
    if (this.#inactive.size >= INACTIVE_MAX && oldest !== undefined) this.#inactive.delete(oldest)
    this.#inactive.set(tokenSha256, untilMs)
  }
}

/** RFC 6749, appendix B. */
function encodeForm(text: string): string {
  return new URLSearchParams({ t: text }).toString().slice('t='.length)
}

function statusFault(name: string, status: number): IdentityError {
  const message = `introspection ${name}: answers with status ${status}`
  return new IdentityError('IDENTITY_ISSUER_UNUSABLE', message)
}

/** A whole answer that cannot be used, or one that is too large. */
class UnusableAnswer extends IdentityError {}

function isAboutOneToken(cause: unknown): boolean {
  if (cause instanceof UnusableAnswer) return true
  return cause instanceof HttpError && cause.code === 'HTTP_TOO_LARGE'
}

function unusable(name: string): IdentityError {
  const message = `introspection ${name}: the answer does not say whether the token is active`
  return new UnusableAnswer('IDENTITY_ISSUER_UNUSABLE', message)
}
