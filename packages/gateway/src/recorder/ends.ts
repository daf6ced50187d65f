import type { LeafIndex } from '@countersign/tlog'

/** Exchanges whose end is remembered; a later one takes the place of an earlier one. */
const ENDS_REMEMBERED_MAX = 65_536

/** Which outcome ended which intent lately, so that an intent's receipt leads to its outcome. */
export class Ends {
  // Two flat rows: a map that drops its oldest entry with every new one slows down as it ages.
  // One more than the intent, so that memory is not touched before it is needed.
  readonly #intents = new Float64Array(ENDS_REMEMBERED_MAX)
  readonly #outcomes = new Float64Array(ENDS_REMEMBERED_MAX)

  remember(intent: LeafIndex, outcome: LeafIndex): void {
    const place = intent % ENDS_REMEMBERED_MAX
    this.#intents[place] = intent + 1
    this.#outcomes[place] = outcome
  }

  of(intent: LeafIndex): LeafIndex | undefined {
    const place = intent % ENDS_REMEMBERED_MAX
    return this.#intents[place] === intent + 1 ? (this.#outcomes[place] as LeafIndex) : undefined
  }
}
