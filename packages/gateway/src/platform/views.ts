/** Views that are kept: nearly all that is written is shorter. */
const KEPT_MAX = 4_096

/**
 * Views of memory that is written again and again, from one place on: to make one costs more than
 * to hash or copy what it shows, and most lengths come again.
 */
export class Views<Memory extends Uint8Array = Uint8Array> {
  readonly #memory: Memory
  readonly #start: number
  // As long as it may get: an array with large gaps is looked up as a map is.
  readonly #known: (Memory | undefined)[]

  constructor(memory: Memory, start = 0) {
    const places = Math.min(memory.length + 1, KEPT_MAX)
    this.#memory = memory
    this.#start = start
    this.#known = Array.from({ length: places }, () => undefined)
  }

  /** Up to `end`, a place in the memory. */
  upTo(end: number): Memory {
    return this.#known[end] ?? this.#make(end)
  }

  #make(end: number): Memory {
    if (end < this.#start || end > this.#memory.length) {
      throw new RangeError(`no view from ${this.#start} to ${end} of ${this.#memory.length} bytes`)
    }
    const view = this.#memory.subarray(this.#start, end) as Memory
    if (end < this.#known.length) this.#known[end] = view
    return view
  }
}
