import { hash } from 'node:crypto'
import {
  type Authenticator,
  BEARER_CHALLENGE,
  type Identification,
  refused,
} from '../authenticator.ts'
import type { Presented } from '../presented.ts'
import type { Credential, Principal } from '../principal.ts'
import { admit, type TokenCheck } from '../token/token-check.ts'
import type { VerifiedToken, VerifiedTokens } from '../token/verified-tokens.ts'
import { ALGORITHMS, type AlgorithmRule } from './algorithms.ts'
import { type ClaimMapping, mapClaims } from './claim-mapping.ts'
import type { IssuerKeys } from './issuer-keys.ts'
import { type Members, member } from './members.ts'
import type { Jws } from './read-jws.ts'
import { refusedToken } from './refused-token.ts'
import { signerOf } from './signer.ts'
import { readFacts, readHeader, type TokenFacts, type TokenRules } from './token-rules.ts'
import type { VerifyKey } from './verify-key.ts'

export interface JwtAuthenticatorOptions {
  readonly name: string
  readonly rules: TokenRules
  readonly mapping: ClaimMapping
  /** Stands before every principal's id, so that no two issuers can mean one person by accident. */
  readonly principalPrefix: string
  /** `by-client`: a token whose subject is its client is a service's. */
  readonly kind: 'user' | 'service' | 'by-client'
  /** Values of `acr` that mean more than one factor; `mfa` in `amr` does so always. */
  readonly mfaAcr: readonly string[]
  readonly keys: IssuerKeys
  readonly check: TokenCheck
  readonly tokens: VerifiedTokens
}

/** Recognises the JWTs of one issuer. */
export class JwtAuthenticator implements Authenticator {
  readonly kind = 'jwt'
  readonly carrier = 'authorization'
  readonly challenges = [BEARER_CHALLENGE]
  readonly name: string
  readonly #options: JwtAuthenticatorOptions

  constructor(options: JwtAuthenticatorOptions) {
    this.name = options.name
    this.#options = options
  }

  /** By `iss` alone, before anything is verified; a token that is known is not read again. */
  recognises(presented: Presented): boolean {
    const shown = presented.authorization
    if (shown.kind !== 'token' || shown.form !== 'jwt') return false
    const known = this.#options.tokens.get(presented.tokenSha256, presented.atUs)
    if (known !== undefined) return known.authenticator === this.name
    const { jws: reading } = presented
    return reading.ok && member(reading.jws.payload, 'iss') === this.#options.rules.issuer
  }

  authenticate(presented: Presented): Identification | Promise<Identification> {
    const known = this.#options.tokens.get(presented.tokenSha256, presented.atUs)
    if (known !== undefined) return admit(known, presented, this.#options.check)
    const { jws: reading } = presented
    return reading.ok ? this.#verify(reading.jws, presented) : refusedToken(reading.fault)
  }

  async #verify(jws: Jws, presented: Presented): Promise<Identification> {
    const { rules, keys } = this.#options
    const header = readHeader(jws.header, rules)
    if (!header.ok) return refusedToken(header.fault)
    const reading = readFacts(jws.payload, rules, presented.atUs)
    if (!reading.ok) return refusedToken(reading.fault)
    const { algorithm, kid } = header
    const rule: AlgorithmRule = ALGORITHMS[algorithm]
    const { signatureBytes = jws.signature.length } = rule
    if (jws.signature.length !== signatureBytes) return refusedToken('signature')
    // One refresh, and only for a key that nobody has heard of.
    if (keys.current()?.lacks(kid) !== false) await keys.refresh()
    const set = keys.current()
    if (set === undefined) return refused('credentials-unverifiable')
    const choice = set.choose(algorithm, kid)
    if (!choice.ok) return refusedToken(choice.fault)
    const key = await signerOf(jws, algorithm, choice.keys)
    if (key === undefined) return refusedToken('signature')
    return this.#adopt({ jws, facts: reading.facts, key, presented })
  }

  #adopt(of: {
    readonly jws: Jws
    readonly facts: TokenFacts
    readonly key: VerifyKey
    readonly presented: Presented
  }): Identification {
    const { rules, keys, tokens, check } = this.#options
    const { facts, key, jws, presented } = of
    const principal = this.#principal(jws.payload, facts)
    if (principal === undefined) return refusedToken('claims')
    const token: VerifiedToken = {
      authenticator: this.name,
      principal,
      credential: this.#credential(jws, facts),
      confirmation: facts.confirmation,
      issuedAtUs: facts.issuedAtUs,
      subject: facts.subject,
      untilUs: facts.expiresAtUs + rules.clockSkewMs * 1000,
      isStillGood: () => keys.current()?.has(key) === true,
    }
    tokens.put(presented.tokenSha256, token)
    return admit(token, presented, check)
  }

  #principal(payload: Members, facts: TokenFacts): Principal | undefined {
    const { rules, mapping, principalPrefix, kind } = this.#options
    const { subject, client, scopes } = facts
    const words = { claim: rules.scopes.claim, words: scopes }
    const mapped = mapClaims(payload, words, mapping)
    const id = `${principalPrefix}${subject}`
    if (mapped === undefined || id === 'anonymous') return undefined
    const byClient = subject === client ? 'service' : 'user'
    const kindHere = kind === 'by-client' ? byClient : kind
    return { id, kind: kindHere, issuer: rules.issuer, scopes, ...mapped }
  }

  #credential(jws: Jws, facts: TokenFacts): Credential {
    const { authenticatedAtUs, issuedAtUs, expiresAtUs, id } = facts
    const hasMfa = this.#hasMfa(jws.payload)
    return {
      method: 'jwt',
      id,
      // Of the claims alone: whoever reads it cannot make the token of it.
      sha256: hash('sha256', jws.payloadBytes, 'hex'),
      expiresAtUs,
      authenticatedAtUs,
      mfaAtUs: hasMfa ? (authenticatedAtUs ?? issuedAtUs) : undefined,
    }
  }

  #hasMfa(payload: Members): boolean {
    const [amr, acr] = [member(payload, 'amr'), member(payload, 'acr')]
    if (Array.isArray(amr) && amr.includes('mfa')) return true
    return typeof acr === 'string' && this.#options.mfaAcr.includes(acr)
  }
}
