import type { LeafIndex } from '@countersign/tlog'
import { type Entry, TAG_BYTES } from './entry.ts'
import { LedgerError } from './error.ts'
import type { OpenIntent } from './segment-header.ts'

/** How many entries may be open at a time: a segment's header lists them all. */
export const OPEN_INTENTS_MAX = 65_536

const FIRST_PLACES = 1_024
const TAG_WORDS = TAG_BYTES / 4
const FREE = 0
const OPEN = 1
/** Closed by an entry that is not durable yet. */
const CLOSING = 2
/** The entry that opens it is not durable yet, but where it will stand is known. */
const PROMISED = 3
const PROMISED_CLOSING = 4
/** Spreads indices that follow each other: 2^32 by the golden ratio. */
const SPREAD = 0x9e3779b1

/**
 * The entries that a later one must close, in a flat table. A `Map` that gains and loses an entry
 * for every exchange keeps alive, in the runtime, each table that it has outgrown and all that was
 * in it.
 */
export class OpenIntents {
  #states = new Uint8Array(FIRST_PLACES)
  #indices = new Float64Array(FIRST_PLACES)
  #tags = new Uint8Array(FIRST_PLACES * TAG_BYTES)
  /** The same memory: what moves is moved by words. */
  #tagWords = new Int32Array(this.#tags.buffer)
  #size = 0
  /** Opened by an entry that is not durable yet, at a place that nobody knows. */
  #opening = 0

  constructor(open: readonly OpenIntent[] = []) {
    for (const { index, tag } of open) this.#put(index, OPEN, tag, 0)
  }

  /** Takes the entry's claim, so that no second one can close the same. */
  reserve({ opens, closes }: Pick<Entry, 'opens' | 'closes'>): void {
    if (opens !== undefined && this.#size + this.#opening >= OPEN_INTENTS_MAX) {
      const message = `${OPEN_INTENTS_MAX} entries are open, which is the most there may be`
      throw new LedgerError('LEDGER_INTENTS_FULL', message)
    }
    if (closes !== undefined) {
      const place = this.#find(closes)
      const state = this.#states[place]
      if (state !== OPEN && state !== PROMISED) {
        throw new LedgerError('LEDGER_INTENT_CLOSED', `entry ${closes} is not open`)
      }
      this.#states[place] = state === OPEN ? CLOSING : PROMISED_CLOSING
    }
    if (opens !== undefined) this.#opening += 1
  }

  /** The entry that opens it will stand at `index`: it may be closed before it is durable. */
  promise(index: LeafIndex): void {
    this.#opening -= 1
    this.#put(index, PROMISED, NO_TAG, 0)
  }

  /** An entry that opens something, or closes something, was not written. */
  release(isOpening: boolean, closes: LeafIndex | undefined): void {
    if (isOpening) this.#opening -= 1
    if (closes === undefined) return
    const place = this.#find(closes)
    if (this.#states[place] === CLOSING) this.#states[place] = OPEN
  }

  /** An entry that opens is durable, at `index`; its tag stands in `from` at `at`. */
  opened(index: LeafIndex, from: Uint8Array, at: number): void {
    const state = this.#states[this.#find(index)]
    if (state === FREE) this.#opening -= 1
    this.#put(index, state === PROMISED_CLOSING ? CLOSING : OPEN, from, at)
  }

  /** An entry that closes `index` is durable. */
  closed(index: LeafIndex): void {
    const place = this.#find(index)
    if (this.#states[place] !== FREE) this.#remove(place)
  }

  /** Follows an entry that was read back. */
  apply(index: LeafIndex, { opens, closes }: Pick<Entry, 'opens' | 'closes'>): void {
    if (closes !== undefined) this.closed(closes)
    if (opens !== undefined) this.#put(index, OPEN, opens, 0)
  }

  /** What is durable of them, in rising index. */
  list(): readonly OpenIntent[] {
    const open: OpenIntent[] = []
    for (let place = 0; place < this.#states.length; place += 1) {
      const state = this.#states[place]
      if (state !== OPEN && state !== CLOSING) continue
      const tag = this.#tags.slice(place * TAG_BYTES, (place + 1) * TAG_BYTES)
      open.push({ index: this.#indices[place] as LeafIndex, tag })
    }
    return open.sort((one, other) => one.index - other.index)
  }

  #put(index: LeafIndex, state: number, from: Uint8Array, at: number): void {
    if (2 * this.#size >= this.#states.length) this.#grow()
    const place = this.#find(index)
    if (this.#states[place] === FREE) this.#size += 1
    this.#states[place] = state
    this.#indices[place] = index
    const tag = place * TAG_BYTES
    for (let byte = 0; byte < TAG_BYTES; byte += 1) this.#tags[tag + byte] = from[at + byte] ?? 0
  }

  /** Where `index` stands, or the free place where it would. */
  #find(index: LeafIndex): number {
    const last = this.#states.length - 1
    let place = this.#homeOf(index)
    while (this.#states[place] !== FREE && this.#indices[place] !== index)
      place = (place + 1) & last
    return place
  }

  #homeOf(index: number): number {
    return (Math.imul(index, SPREAD) >>> 8) & (this.#states.length - 1)
  }

  /** Moves up what stands behind it and is looked for from before it. */
  #remove(place: number): void {
    const last = this.#states.length - 1
    let hole = place
    for (let at = (hole + 1) & last; this.#states[at] !== FREE; at = (at + 1) & last) {
      const home = this.#homeOf(this.#indices[at] ?? 0)
      if (((at - home) & last) < ((at - hole) & last)) continue
      this.#states[hole] = this.#states[at] ?? FREE
      this.#indices[hole] = this.#indices[at] ?? 0
      for (let word = 0; word < TAG_WORDS; word += 1) {
        this.#tagWords[hole * TAG_WORDS + word] = this.#tagWords[at * TAG_WORDS + word] ?? 0
      }
      hole = at
    }
    this.#states[hole] = FREE
    this.#size -= 1
  }

  #grow(): void {
    const [states, indices, tags] = [this.#states, this.#indices, this.#tags]
    this.#states = new Uint8Array(2 * states.length)
    this.#indices = new Float64Array(2 * states.length)
    this.#tags = new Uint8Array(2 * tags.length)
    this.#tagWords = new Int32Array(this.#tags.buffer)
    this.#size = 0
    for (const [place, state] of states.entries()) {
      if (state === FREE) continue
      this.#put(indices[place] as LeafIndex, state, tags, place * TAG_BYTES)
    }
  }
}

const NO_TAG = new Uint8Array(TAG_BYTES)
