import type { LeafIndex } from '@countersign/tlog'
import type { Entry } from './entry.ts'
import { LedgerError } from './error.ts'
import type { OpenIntent } from './segment-header.ts'

/** How many entries may be open at a time: a segment's header lists them all. */
export const OPEN_INTENTS_MAX = 65_536

/** The entries that a later one must close. */
export class OpenIntents {
  readonly #open: Map<LeafIndex, Uint8Array>
  /** Closed by an entry that is not durable yet. */
  readonly #closing = new Set<LeafIndex>()
  /** Opened by an entry that is not durable yet. */
  #opening = 0

  constructor(open: readonly OpenIntent[] = []) {
    this.#open = new Map(open.map(({ index, tag }) => [index, tag]))
  }

  /** Takes the entry's claim, so that no second one can close the same. */
  reserve({ opens, closes }: Entry): void {
    if (opens !== undefined && this.#open.size + this.#opening >= OPEN_INTENTS_MAX) {
      const message = `${OPEN_INTENTS_MAX} entries are open, which is the most there may be`
      throw new LedgerError('LEDGER_INTENTS_FULL', message)
    }
    if (closes !== undefined) {
      if (!this.#open.has(closes) || this.#closing.has(closes)) {
        throw new LedgerError('LEDGER_INTENT_CLOSED', `entry ${closes} is not open`)
      }
      this.#closing.add(closes)
    }
    if (opens !== undefined) this.#opening += 1
  }

  /** The entry was not written. */
  release({ opens, closes }: Pick<Entry, 'opens' | 'closes'>): void {
    if (opens !== undefined) this.#opening -= 1
    if (closes !== undefined) this.#closing.delete(closes)
  }

  /** The entry is durable, at `index`. */
  settle(index: LeafIndex, { opens, closes }: Pick<Entry, 'opens' | 'closes'>): void {
    this.release({ opens, closes })
    this.apply(index, { opens, closes })
  }

  /** Follows an entry that was read back. */
  apply(index: LeafIndex, { opens, closes }: Pick<Entry, 'opens' | 'closes'>): void {
    if (closes !== undefined) this.#open.delete(closes)
    if (opens !== undefined) this.#open.set(index, new Uint8Array(opens))
  }

  /** In rising index. */
  list(): readonly OpenIntent[] {
    return Array.from(this.#open, ([index, tag]) => ({ index, tag }))
  }
}
