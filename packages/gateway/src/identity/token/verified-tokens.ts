import type { Known } from '../authenticator.ts'
import type { Confirmation } from '../binding/confirmation.ts'
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
  told?: Known
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
  #young = new Map<string, VerifiedToken>()
  #old = new Map<string, VerifiedToken>()
  /** Asked for twice in a row: who recognises a token is asked to judge it next. */
  #last: { readonly sha256: string; readonly token: VerifiedToken } | undefined

  constructor(tokensMax: number) {
    this.#generationMax = Math.max(1, Math.floor(tokensMax / 2))
  }

  /** One that may still be shown; whoever takes it asks the revocation lists too. */
  get(sha256: string, atUs: number): VerifiedToken | undefined {
    const found = this.#find(sha256)
    if (found === undefined) return undefined
    const { untilUs, knownUntilUs = untilUs } = found
    if (atUs < knownUntilUs && found.isStillGood()) return found
    this.#young.delete(sha256)
    this.#last = undefined
    return undefined
  }

  put(sha256: string, token: VerifiedToken): void {
    this.#last = undefined
    if (this.#young.size >= this.#generationMax) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(sha256, token)
  }

  #find(sha256: string): VerifiedToken | undefined {
    if (this.#last?.sha256 === sha256) return this.#last.token
    const token = this.#young.get(sha256) ?? this.#promoted(sha256)
    if (token !== undefined) this.#last = { sha256, token }
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
