const RESERVE = 10
const BALANCE_MAX = 100
const PERCENT = 100

/**
 * How many retries there may be: a share of the requests, and a reserve. Without it an upstream
 * that falters gets more requests the worse it fares. In hundredths, so that sums are exact.
 */
export class RetryBudget {
  readonly #percent: number
  #hundredths = RESERVE * PERCENT

  constructor(percent: number) {
    this.#percent = percent
  }

  /** A request begins. */
  deposit(): void {
    const next = this.#hundredths + this.#percent
    this.#hundredths = next > BALANCE_MAX * PERCENT ? BALANCE_MAX * PERCENT : next
  }

  /** False: it is used up. */
  take(): boolean {
    if (this.#percent === 0 || this.#hundredths < PERCENT) return false
    this.#hundredths -= PERCENT
    return true
  }
}
