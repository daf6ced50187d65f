import type { Clock } from '../../platform/index.ts'
import type { Refused } from '../authenticator.ts'
import type { VerifiedToken } from '../token/verified-tokens.ts'

/** However short an answer counts: what stays open does not ask more often. */
const AGAIN_MS_MIN = 5000

export interface OpenTokenOptions {
  readonly clock: Clock
  /** How long it goes on after the last answer has ceased to count and none comes. */
  readonly unansweredMs: number
}

/** A token of which something goes on for long: whether it is active is asked again and again. */
export class OpenToken {
  readonly #options: OpenTokenOptions
  readonly #principalId: string
  readonly #ask: (atUs: number) => Promise<VerifiedToken | Refused | undefined>
  #untilUs: number
  #isGone = false
  #isAsking = false
  #askedMs = Number.NEGATIVE_INFINITY

  constructor(
    { principal, knownUntilUs, untilUs }: VerifiedToken,
    options: OpenTokenOptions,
    ask: (atUs: number) => Promise<VerifiedToken | Refused | undefined>,
  ) {
    this.#options = options
    this.#principalId = principal.id
    this.#ask = ask
    this.#untilUs = knownUntilUs ?? untilUs
  }

  /** What is known; where that counts no more, it begins to ask. */
  isStillGood(atUs: number): boolean {
    if (atUs >= this.#untilUs) this.#begin(atUs)
    return !this.#isGone && atUs < this.#untilUs + this.#options.unansweredMs * 1000
  }

  #begin(atUs: number): void {
    const nowMs = this.#options.clock.ticksMs()
    if (this.#isAsking || nowMs - this.#askedMs < AGAIN_MS_MIN) return
    this.#isAsking = true
    this.#askedMs = nowMs
    void this.#ask(atUs)
      .then((found) => this.#told(found))
      .finally(() => {
        this.#isAsking = false
      })
  }

  #told(found: VerifiedToken | Refused | undefined): void {
    if (found === undefined) return
    if ('known' in found) {
      // No answer is no word on it.
      this.#isGone ||= found.reason !== 'credentials-unverifiable'
      return
    }
    this.#isGone ||= found.principal.id !== this.#principalId
    this.#untilUs = found.knownUntilUs ?? found.untilUs
  }
}
