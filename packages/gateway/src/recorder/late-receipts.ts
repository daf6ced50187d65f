import type { LeafIndex } from '@countersign/tlog'

/** Exchanges that are remembered; a later one takes the place of an earlier one. */
const PLACES = 262_144

const ID_TAIL_AT = 24

/** Where the end of a relaxed exchange stands, for callers who were answered before it did. */
export class LateReceipts {
  // Flat rows, as of `Ends`: the random end of the exchange's id, and one more than the index.
  readonly #ids = new Float64Array(PLACES)
  readonly #places = new Float64Array(PLACES)

  /** It was answered, and its record is not durable yet. */
  promise(exchange: string): void {
    this.#set(exchange, 0)
  }

  settle(exchange: string, index: LeafIndex): void {
    this.#set(exchange, index + 1)
  }

  /** Undefined: not known here, or not any more. */
  find(exchange: string): LeafIndex | 'pending' | undefined {
    const id = idOf(exchange)
    if (this.#ids[id % PLACES] !== id) return undefined
    const place = this.#places[id % PLACES] ?? 0
    return place === 0 ? 'pending' : ((place - 1) as LeafIndex)
  }

  /** A life of the ledger is over: what it promised and did not write will never be there. */
  forgetPromised(): void {
    for (let place = 0; place < PLACES; place += 1) {
      // What holds nobody is not written to: memory that was never used takes no room.
      if (this.#ids[place] !== 0 && this.#places[place] === 0) this.#ids[place] = 0
    }
  }

  #set(exchange: string, place: number): void {
    const id = idOf(exchange)
    this.#ids[id % PLACES] = id
    this.#places[id % PLACES] = place
  }
}

/** 48 bits of a UUID, all of them random; never 0, which is nobody. */
function idOf(exchange: string): number {
  return Number.parseInt(exchange.slice(ID_TAIL_AT), 16) + 1
}
