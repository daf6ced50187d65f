import type { LeafIndex } from '@countersign/tlog'
import type { Entry } from './entry.ts'
import { LedgerError } from './error.ts'
import type { OpenIntent } from './segment-header.ts'

/** How many entries may be open at a time: a segment's header lists them all. */
export const OPEN_INTENTS_MAX = 65_536

/** More than can wait for the disk at a time. */
const PROMISED_PLACES = 131_072

/** The entries that a later one must close. */
export class OpenIntents {
  readonly #open: Map<LeafIndex, Uint8Array>
  /** Closed by an entry that is not durable yet. */
  readonly #closing = new Set<LeafIndex>()
  /** Opened by an entry that is not durable yet. */
  #opening = 0
  /** One more than the indices of entries that will open something, each at its place. */
  #promised = new Float64Array(0)

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
      if (!this.#isOpen(closes) || this.#closing.has(closes)) {
        throw new LedgerError('LEDGER_INTENT_CLOSED', `entry ${closes} is not open`)
      }
      this.#closing.add(closes)
    }
    if (opens !== undefined) this.#opening += 1
  }

  /** The entry that opens it will stand at `index`: it may be closed before it is durable. */
  promise(index: LeafIndex): void {
    if (this.#promised.length === 0) this.#promised = new Float64Array(PROMISED_PLACES)
    this.#promised[index % PROMISED_PLACES] = index + 1
  }

  #isOpen(index: LeafIndex): boolean {
    return this.#open.has(index) || this.#promised[index % PROMISED_PLACES] === index + 1
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
    if (opens === undefined) return
    this.#open.set(index, new Uint8Array(opens))
    if (this.#promised.length > 0) this.#promised[index % PROMISED_PLACES] = 0
  }

  /** In rising index. */
  list(): readonly OpenIntent[] {
    return Array.from(this.#open, ([index, tag]) => ({ index, tag }))
  }
}
