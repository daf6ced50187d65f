import {
  type Authenticator,
  BEARER_CHALLENGE,
  type Identification,
  refused,
} from '../authenticator.ts'
import type { Presented } from '../presented.ts'
import { admit, type TokenCheck } from '../token/token-check.ts'
import { credentialOf, type Naming, principalOf, type TokenFacts } from '../token/token-identity.ts'
import type { VerifiedToken, VerifiedTokens } from '../token/verified-tokens.ts'
import { ALGORITHMS, type Algorithm, type AlgorithmRule } from './algorithms.ts'
import type { IssuerKeys } from './issuer-keys.ts'
import type { KeySet } from './key-set.ts'
import { member } from './members.ts'
import type { Jws } from './read-jws.ts'
import { refusedToken } from './refused-token.ts'
import { signerOf } from './signer.ts'
import { readFacts, readHeader, type TokenRules } from './token-rules.ts'
import type { VerifyKey } from './verify-key.ts'

export interface JwtAuthenticatorOptions {
  readonly name: string
  readonly rules: TokenRules
  readonly naming: Naming
  readonly keys: IssuerKeys
  readonly check: TokenCheck
  readonly tokens: VerifiedTokens
}

/** A token that is well formed and says what it must, whoever has signed it. */
interface ReadToken {
  readonly jws: Jws
  readonly facts: TokenFacts & { readonly expiresAtUs: number }
  readonly algorithm: Algorithm
  readonly kid: string | undefined
  readonly presented: Presented
}

/** For one token; the cool-down of the keys lets most of them be one. */
const REFRESHES_MAX = 2

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
    const known = this.#options.tokens.get(presented)
    if (known !== undefined) return known.authenticator === this.name
    const { jws: reading } = presented
    return reading.ok && member(reading.jws.payload, 'iss') === this.#options.rules.issuer
  }

  authenticate(presented: Presented): Identification | Promise<Identification> {
    const known = this.#options.tokens.get(presented)
    if (known !== undefined) return admit(known, presented, this.#options.check)
    const { jws: reading } = presented
    return reading.ok ? this.#verify(reading.jws, presented) : refusedToken(reading.fault)
  }

  /** A promise only where the key is one that nobody has heard of: mostly it is known. */
  #verify(jws: Jws, presented: Presented): Identification | Promise<Identification> {
    const { rules, keys } = this.#options
    const header = readHeader(jws.header, rules)
    if (!header.ok) return refusedToken(header.fault)
    const reading = readFacts(jws.payload, rules, presented.atUs)
    if (!reading.ok) return refusedToken(reading.fault)
    const { algorithm, kid } = header
    const rule: AlgorithmRule = ALGORITHMS[algorithm]
    const { signatureBytes = jws.signature.length } = rule
    if (jws.signature.length !== signatureBytes) return refusedToken('signature')
    const read = { jws, facts: reading.facts, algorithm, kid, presented }
    if (keys.current()?.lacks(kid) === false) return this.#check(read)
    return this.#refresh(kid).then(() => this.#check(read))
  }

  /**
   * A refresh that was on its way already may have been answered before the key was published: then
   * one more is due.
   */
  async #refresh(kid: string | undefined): Promise<void> {
    const { keys } = this.#options
    for (let nth = 0; nth < REFRESHES_MAX && keys.current()?.lacks(kid) !== false; nth += 1) {
      if (!(await keys.refresh())) break
    }
  }

  #check(read: ReadToken): Identification {
    const { jws, facts, algorithm, kid, presented } = read
    const set = this.#options.keys.current()
    if (set === undefined) return refused('credentials-unverifiable')
    const choice = set.choose(algorithm, kid)
    if (!choice.ok) return refusedToken(choice.fault)
    const key = signerOf(jws, algorithm, choice.keys)
    if (key === undefined) return refusedToken('signature')
    return this.#adopt({ jws, facts, key, presented })
  }

  #adopt(of: Omit<ReadToken, 'algorithm' | 'kid'> & { readonly key: VerifyKey }): Identification {
    const { rules, naming, keys, tokens, check } = this.#options
    const { facts, key, jws, presented } = of
    const principal = principalOf(jws.payload, facts, naming)
    if (principal === undefined) return refusedToken('claims')
    const claims = { members: jws.payload, bytes: jws.payloadBytes }
    const credential = credentialOf(claims, facts, { method: 'jwt', mfaAcr: naming.mfaAcr })
    const untilUs = facts.expiresAtUs + rules.clockSkewMs * 1000
    const authenticator = this.name
    const token = new SignedToken(
      { ...facts, authenticator, principal, credential, untilUs },
      key,
      keys,
    )
    tokens.put(presented.tokenSha256, token)
    return admit(token, presented, check)
  }
}

/** One object: closures would be two more to be looked for in memory with every request. */
class SignedToken implements VerifiedToken {
  readonly authenticator: string
  readonly principal: VerifiedToken['principal']
  readonly credential: VerifiedToken['credential']
  readonly confirmation: VerifiedToken['confirmation']
  readonly issuedAtUs: number | undefined
  readonly subject: string
  readonly untilUs: number
  readonly knownUntilUs: undefined
  told: VerifiedToken['told']
  isGone = false
  readonly #key: VerifyKey
  readonly #keys: IssuerKeys
  /** That has the key: a set never changes, and is asked once. */
  #set: KeySet | undefined

  constructor(facts: Omit<VerifiedToken, 'isStillGood'>, key: VerifyKey, keys: IssuerKeys) {
    this.authenticator = facts.authenticator
    this.principal = facts.principal
    this.credential = facts.credential
    this.confirmation = facts.confirmation
    this.issuedAtUs = facts.issuedAtUs
    this.subject = facts.subject
    this.untilUs = facts.untilUs
    this.#key = key
    this.#keys = keys
  }

  isStillGood(): boolean {
    const set = this.#keys.current()
    if (set === undefined) return false
    if (set === this.#set) return true
    if (!set.has(this.#key)) return false
    this.#set = set
    return true
  }
}
