import { hash } from 'node:crypto'
import type { CredentialRefusal } from '../authenticator.ts'
import type { BindingRefusal, BindingVerdict, ProofChecker } from '../binding/token-binding.ts'
import type { Presented } from '../presented.ts'
import type { DpopNonces } from './dpop-nonces.ts'
import { type DpopProof, parseDpopProof } from './dpop-proof.ts'
import { normaliseUrl } from './external-url.ts'
import { type ProofAlgorithm, type ProofKey, readProofKey } from './proof-key.ts'
import type { ReplayStore } from './replay-store.ts'

export interface DpopVerifierOptions {
  readonly algorithms: readonly ProofAlgorithm[]
  readonly nonces: DpopNonces
  readonly replays: ReplayStore
  /** How far `iat` may lie from our time, either way. */
  readonly windowMs: number
  /** Whether every proof needs a nonce, not only those that may have been forgotten. */
  readonly needsNonce: boolean
}

/** Keys that were imported lately: importing one costs as much as checking a signature. */
const KEYS_MAX = 10_000

/** Checks proofs of possession in the header `DPoP` (RFC 9449, section 4.3). */
export class DpopVerifier implements ProofChecker {
  readonly challenge: string
  readonly #options: DpopVerifierOptions
  readonly #keys = new Map<string, ProofKey>()

  constructor(options: DpopVerifierOptions) {
    this.#options = options
    this.challenge = challengeOf('invalid_token', options.algorithms)
  }

  check({ presented, token, jkt }: Parameters<ProofChecker['check']>[0]): BindingVerdict {
    const [text, second] = presented.valuesOf('dpop')
    if (text === undefined) return this.#refuse('proof-missing', 'proof-missing')
    if (second !== undefined) return this.#refuse('proof-twice')
    const proof = parseDpopProof(text)
    if (typeof proof === 'string') return this.#refuse(proof)
    const fault = this.#faultOf(proof, presented, token, jkt)
    if (fault !== undefined) return this.#refuse(fault)
    return this.#checkFreshness(proof, presented.atUs, jkt) ?? { ok: true, proof: text }
  }

  #faultOf(
    proof: DpopProof,
    { method, url, atUs }: Presented,
    token: string,
    jkt: string,
  ): string | undefined {
    const algorithm = this.#options.algorithms.find((known) => known === proof.algorithm)
    if (algorithm === undefined) return 'proof-algorithm'
    if (proof.htm !== method) return 'proof-method'
    const target = normaliseUrl(proof.htu)
    if (target === undefined || target !== normaliseUrl(url)) return 'proof-target'
    if (Math.abs(atUs - proof.iat * 1e6) > this.#options.windowMs * 1000) return 'proof-time'
    if (proof.ath !== hash('sha256', token, 'base64url')) return 'proof-token'
    const key = this.#keyOf(proof, algorithm)
    if (key === undefined) return 'proof-key'
    if (key.thumbprint !== jkt) return 'proof-thumbprint'
    return key.verify(proof.signed, proof.signature) ? undefined : 'proof-signature'
  }

  /** Last, so that only a proof that holds is remembered: others cannot fill the store. */
  #checkFreshness(
    { iat, jti, nonce }: DpopProof,
    nowUs: number,
    jkt: string,
  ): BindingRefusal | undefined {
    const { needsNonce, nonces, replays } = this.#options
    const issuedAtUs = iat * 1e6
    const isNeeded = needsNonce || issuedAtUs <= replays.forgottenUntilUs
    if (nonce === undefined ? isNeeded : !nonces.accepts(nonce, nowUs)) return this.#askNonce(nowUs)
    const key = hash('sha256', `${jkt}\0${jti}`, 'base64url')
    switch (replays.add(key, { nowUs, issuedAtUs })) {
      case 'new':
        return undefined
      case 'seen':
        return this.#refuse('proof-replayed', 'proof-replayed')
      case 'full':
        return { ...this.#refuse('proof-store-full', 'proof-unavailable'), challenges: [] }
    }
  }

  #keyOf({ jwk }: DpopProof, algorithm: ProofAlgorithm): ProofKey | undefined {
    const text = `${algorithm}${JSON.stringify(jwk)}`
    const known = this.#keys.get(text)
    if (known !== undefined) return known
    const key = readProofKey(jwk, algorithm)
    if (key === undefined) return undefined
    const [oldest] = this.#keys.keys()
    if (this.#keys.size >= KEYS_MAX && oldest !== undefined) this.#keys.delete(oldest)
    this.#keys.set(text, key)
    return key
  }

  #askNonce(nowUs: number): BindingRefusal {
    const { algorithms, nonces } = this.#options
    const challenge = challengeOf('use_dpop_nonce', algorithms)
    const headers = [['dpop-nonce', nonces.current(nowUs)]] as const
    return {
      ok: false,
      reason: 'proof-nonce',
      fault: 'proof-nonce',
      challenges: [challenge],
      headers,
    }
  }

  #refuse(fault: string, reason: CredentialRefusal = 'proof-invalid'): BindingRefusal {
    const error = reason === 'proof-missing' ? 'invalid_token' : 'invalid_dpop_proof'
    const challenges = [challengeOf(error, this.#options.algorithms)]
    return { ok: false, reason, fault, challenges, headers: [] }
  }
}

function challengeOf(error: string, algorithms: readonly string[]): string {
  return `DPoP realm="countersign", error="${error}", algs="${algorithms.join(' ')}"`
}
