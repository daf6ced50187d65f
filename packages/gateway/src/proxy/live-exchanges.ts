import type { Containment } from '../containment/index.ts'
import type { Clock } from '../platform/index.ts'
import { cutContained } from './contain.ts'
import type { Exchange } from './exchange.ts'

/** How long something may go on with a credential that is good no more. */
const RECHECK_EVERY_MS = 1000

/**
 * Every exchange that is going on: what is put under quarantine is cut where it stands, and so is
 * what goes on with a credential that was revoked.
 */
export class LiveExchanges {
  readonly #exchanges = new Set<Exchange>()
  #isRechecking = false

  constructor(containment: Containment) {
    containment.onMore(() => {
      for (const exchange of this.#exchanges) cutContained(exchange, containment)
    })
  }

  add(exchange: Exchange, clock: Clock): void {
    this.#exchanges.add(exchange)
    if (!this.#isRechecking) this.#recheckLater(clock)
  }

  delete(exchange: Exchange): void {
    this.#exchanges.delete(exchange)
  }

  /** One timer for all of them, and none while nothing goes on. */
  #recheckLater(clock: Clock): void {
    this.#isRechecking = true
    clock.after(RECHECK_EVERY_MS, () => {
      const atUs = clock.nowUs()
      for (const { isCredentialGood, cut } of this.#exchanges) {
        if (isCredentialGood?.(atUs) === false) cut.make('credentials-revoked')
      }
      this.#isRechecking = false
      if (this.#exchanges.size > 0) this.#recheckLater(clock)
    })
  }
}
