import { ByteWriter } from './byte-stream.ts'

/** At first: most columns hold few texts. */
const SLOTS = 16
/** What a pool that is used again keeps: each of many shapes has pools of its own. */
const [KEPT_BYTES_MAX, KEPT_SLOTS_MAX] = [65_536, 4_096]
/** Places tried before a text is stored again: what an adversary may cost by choosing texts. */
const PROBES_MAX = 16

/** Texts, each stored once with a byte that ends it. */
export class TextPool {
  readonly #stop: number
  readonly #bytes = new ByteWriter(64)
  /** Where each begins; last, where the next one will. */
  #starts = new Int32Array(SLOTS)
  // Open addressing: 0 is empty, else a place and one.
  #slots = new Int32Array(SLOTS)
  #last = 0
  size = 0

  constructor(stop: number) {
    this.#stop = stop
  }

  get bytes(): Uint8Array {
    return this.#bytes.bytes
  }

  reset(): void {
    this.#bytes.reset(KEPT_BYTES_MAX)
    if (this.#slots.length > KEPT_SLOTS_MAX) {
      this.#starts = new Int32Array(SLOTS)
      this.#slots = new Int32Array(SLOTS)
    } else if (this.size > 0) this.#slots.fill(0)
    this.size = 0
  }

  /** The place of the text from `start` to `end`, which is copied if it is new. */
  place(bytes: Uint8Array, start: number, end: number): number {
    // Most often the same text comes again.
    if (this.size > 0 && this.#isAt(this.#last, bytes, start, end)) return this.#last
    const mask = this.#slots.length - 1
    let slot = hash(bytes, start, end) & mask
    for (let probe = 0; probe < PROBES_MAX; probe++, slot = (slot + 1) & mask) {
      const found = this.#slots[slot] ?? 0
      if (found === 0) {
        this.#slots[slot] = this.size + 1
        break
      }
      if (this.#isAt(found - 1, bytes, start, end)) {
        this.#last = found - 1
        return this.#last
      }
    }
    this.#last = this.#append(bytes, start, end)
    return this.#last
  }

  #append(bytes: Uint8Array, start: number, end: number): number {
    this.#bytes.write(bytes, start, end)
    this.#bytes.byte(this.#stop)
    this.size++
    if (this.size === this.#starts.length) this.#moreStarts()
    this.#starts[this.size] = this.#bytes.length
    if (2 * this.size > this.#slots.length) this.#rehash()
    return this.size - 1
  }

  #moreStarts(): void {
    const grown = new Int32Array(2 * this.#starts.length)
    grown.set(this.#starts)
    this.#starts = grown
  }

  #rehash(): void {
    const slots = new Int32Array(4 * this.#slots.length)
    const mask = slots.length - 1
    const { bytes } = this.#bytes
    for (let place = 0; place < this.size; place++) {
      const [start = 0, next = 1] = [this.#starts[place], this.#starts[place + 1]]
      let slot = hash(bytes, start, next - 1) & mask
      let probe = 0
      while (slots[slot] !== 0 && ++probe < PROBES_MAX) slot = (slot + 1) & mask
      if (probe < PROBES_MAX) slots[slot] = place + 1
    }
    this.#slots = slots
  }

  #isAt(place: number, bytes: Uint8Array, start: number, end: number): boolean {
    const from = this.#starts[place] ?? 0
    if ((this.#starts[place + 1] ?? 0) - 1 - from !== end - start) return false
    return this.#bytes.holds(from, bytes, start, end)
  }
}

/** FNV-1a, mixed once more: short texts differ in few bits. */
function hash(bytes: Uint8Array, start: number, end: number): number {
  let mixed = 0x811c9dc5
  for (let at = start; at < end; at++) mixed = Math.imul(mixed ^ (bytes[at] ?? 0), 0x01000193)
  return mixed ^ (mixed >>> 15)
}
