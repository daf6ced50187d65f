import type { Containment } from '../containment/index.ts'
import { cutContained } from './contain.ts'
import type { Exchange } from './exchange.ts'

/** Every exchange that is going on: what is put under quarantine is cut where it stands. */
export class LiveExchanges {
  readonly #exchanges = new Set<Exchange>()

  constructor(containment: Containment) {
    containment.onMore(() => {
      for (const exchange of this.#exchanges) cutContained(exchange, containment)
    })
  }

  add(exchange: Exchange): void {
    this.#exchanges.add(exchange)
  }

  delete(exchange: Exchange): void {
    this.#exchanges.delete(exchange)
  }
}
