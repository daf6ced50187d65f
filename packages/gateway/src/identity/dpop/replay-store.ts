/** What was seen already. `full`: it is not known, because no more can be remembered. */
export type Seen = 'new' | 'seen' | 'full'

/**
 * Remembers which proofs were used, for as long as they could be used again.
 *
 * One store must be asked by every worker that a proof could reach. A file serves all processes of
 * one machine; for gateways on several machines, a server such as Redis with `SET NX PX` does.
 */
export interface ReplayStore {
  /**
   * Proofs that claim to be signed at this time or before may have been used without its being
   * remembered, as before a restart: they need a nonce of this life. Microseconds since 1970.
   */
  readonly forgottenUntilUs: number
  /** Remembers `key` from `nowUs` on; `issuedAtUs` is what the proof says of itself. */
  add(key: string, times: { readonly nowUs: number; readonly issuedAtUs: number }): Seen
  close(): void
}

/** What every store of seen proofs is told. */
export interface ReplayStoreOptions {
  readonly nowUs: number
  /** How far behind ours the time that a proof claims may lie. */
  readonly windowMs: number
  /** How far ahead. */
  readonly aheadMs: number
  readonly entriesMax: number
}

interface Entry {
  readonly untilUs: number
  readonly issuedAtUs: number
}

/** In memory: sees one process, and forgets with it. */
export class MemoryReplayStore implements ReplayStore {
  readonly #entries = new Map<string, Entry>()
  readonly #keptUs: number
  readonly #entriesMax: number
  #forgottenUntilUs: number

  constructor({ nowUs, windowMs, aheadMs, entriesMax }: ReplayStoreOptions) {
    // From the earliest to the latest time that it may claim; then it is too old by itself.
    this.#keptUs = (windowMs + aheadMs) * 1000
    this.#entriesMax = entriesMax
    // An earlier life may have seen proofs whose clock was ahead by as much as is allowed.
    this.#forgottenUntilUs = nowUs + aheadMs * 1000
  }

  get forgottenUntilUs(): number {
    return this.#forgottenUntilUs
  }

  add(key: string, { nowUs, issuedAtUs }: { nowUs: number; issuedAtUs: number }): Seen {
    if (this.#entries.has(key)) return 'seen'
    this.#forget(nowUs)
    if (this.#entries.size >= this.#entriesMax) return 'full'
    this.#entries.set(key, { untilUs: nowUs + this.#keptUs, issuedAtUs })
    return 'new'
  }

  close(): void {
    this.#entries.clear()
  }

  /** Entries stand in the order in which they came, which is that of their ends. */
  #forget(nowUs: number): void {
    for (const [key, { untilUs, issuedAtUs }] of this.#entries) {
      if (untilUs >= nowUs) return
      this.#entries.delete(key)
      // A clock that goes back makes old proofs young again: these are not known any more.
      this.#forgottenUntilUs = Math.max(this.#forgottenUntilUs, issuedAtUs)
    }
  }
}
