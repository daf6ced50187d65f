import type { Known } from '../authenticator.ts'
import type { Confirmation } from '../binding/confirmation.ts'
import type { Presented, Shown } from '../presented.ts'
import type { Credential, Principal } from '../principal.ts'

/** What was found out about a token, by the authenticator of that name. */
export interface VerifiedToken {
  readonly authenticator: string
  readonly principal: Principal
  readonly credential: Credential
  readonly confirmation: Confirmation | undefined
  readonly issuedAtUs: number | undefined
  /** As the issuer names it: what revocation lists speak of. */
  readonly subject: string
  /** From here on it is not taken any more, the tolerance for clocks included. */
  readonly untilUs: number
  /** When it has to be asked about again; undefined: what is known holds until then. */
  readonly knownUntilUs?: number | undefined
  /** What whoever shows it is told, made when it is first shown. */
  told?: Known | undefined
  /** It counts no more, or something newer is known of the same text. */
  isGone?: boolean
  /** Whether what it was verified by still counts: its key, the issuer's last word. */
  isStillGood(): boolean
}

/**
 * Tokens that were verified, by the SHA-256 of their text, so that the next request need not
 * verify again. Of two generations the older is dropped when the younger is full: what is used
 * stays, and nothing has to be sorted.
 */
export class VerifiedTokens {
  readonly #generationMax: number
  /** Names this one: what is shown on an idle connection keeps nothing else of it alive. */
  readonly #name = {}
  #young = new Map<string, VerifiedToken>()
  #old = new Map<string, VerifiedToken>()

  constructor(tokensMax: number) {
    this.#generationMax = Math.max(1, Math.floor(tokensMax / 2))
  }

  /** One that may still be shown; whoever takes it asks the revocation lists too. */
  get({ shown, atUs }: Pick<Presented, 'shown' | 'atUs'>): VerifiedToken | undefined {
    const isFound = shown.foundBy === this.#name && shown.found?.isGone !== true
    const token = isFound ? shown.found : this.#find(shown)
    if (token === undefined) return undefined
    const { untilUs, knownUntilUs = untilUs } = token
    if (atUs < knownUntilUs && token.isStillGood()) return token
    token.isGone = true
    this.#young.delete(shown.tokenSha256)
    return undefined
  }

  put(sha256: string, token: VerifiedToken): void {
    const former = this.#young.get(sha256) ?? this.#old.get(sha256)
    if (former !== undefined) former.isGone = former !== token
    if (this.#young.size >= this.#generationMax) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(sha256, token)
  }

  #find(shown: Shown): VerifiedToken | undefined {
    const sha256 = shown.tokenSha256
    const token = this.#young.get(sha256) ?? this.#promoted(sha256)
    if (token === undefined) return undefined
    shown.found = token
    shown.foundBy = this.#name
    return token
  }

  #promoted(sha256: string): VerifiedToken | undefined {
    const found = this.#old.get(sha256)
    if (found === undefined) return undefined
    this.#old.delete(sha256)
    this.put(sha256, found)
    return found
  }
}
