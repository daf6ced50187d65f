/** Places tried before a value is stored again: what an adversary may cost by choosing values. */
const PROBES_MAX = 16
/** At first: a person's pack holds few values, and a block's soon has room for its own. */
const SLOTS = 64
const VALUES = 16
/** What a pool that is used again keeps. */
const KEPT_BYTES_MAX = 1_048_576

/** Values of one length; each is stored once in a pack, whatever columns it stands in. */
export class Pool {
  readonly #length: number
  #values: Uint8Array
  // Open addressing: 0 is empty, else a place and one.
  #slots = new Int32Array(SLOTS)
  #last = 0
  size = 0

  constructor(valueBytes: number) {
    this.#length = valueBytes
    this.#values = new Uint8Array(VALUES * valueBytes)
  }

  get bytes(): Uint8Array {
    return this.#values.subarray(0, this.size * this.#length)
  }

  reset(): void {
    if (this.size > 0) this.#slots.fill(0)
    this.size = 0
    if (this.#values.length <= KEPT_BYTES_MAX) return
    this.#slots = new Int32Array(SLOTS)
    this.#values = new Uint8Array(VALUES * this.#length)
  }

  /** The place of the value at `start`, which is copied if it is new. */
  place(bytes: Uint8Array, start: number): number {
    // The same value often comes twice in a row.
    if (this.size > 0 && this.#isAt(this.#last, bytes, start)) return this.#last
    const mask = this.#slots.length - 1
    let slot = hash(bytes, start, this.#length) & mask
    for (let probe = 0; probe < PROBES_MAX; probe++, slot = (slot + 1) & mask) {
      const found = this.#slots[slot] ?? 0
      if (found === 0) {
        this.#slots[slot] = this.size + 1
        break
      }
      if (this.#isAt(found - 1, bytes, start)) {
        this.#last = found - 1
        return this.#last
      }
    }
    this.#last = this.#append(bytes, start)
    return this.#last
  }

  #append(bytes: Uint8Array, start: number): number {
    if (this.#values.length === this.size * this.#length) {
      const grown = new Uint8Array(2 * this.#values.length)
      grown.set(this.#values)
      this.#values = grown
    }
    const own = this.size * this.#length
    for (let at = 0; at < this.#length; at++) this.#values[own + at] = bytes[start + at] ?? 0
    this.size++
    if (2 * this.size > this.#slots.length) this.#rehash()
    return this.size - 1
  }

  #rehash(): void {
    const slots = new Int32Array(2 * this.#slots.length)
    const mask = slots.length - 1
    for (let place = 0; place < this.size; place++) {
      let slot = hash(this.#values, place * this.#length, this.#length) & mask
      let probe = 0
      while (slots[slot] !== 0 && ++probe < PROBES_MAX) slot = (slot + 1) & mask
      if (probe < PROBES_MAX) slots[slot] = place + 1
    }
    this.#slots = slots
  }

  #isAt(place: number, bytes: Uint8Array, start: number): boolean {
    const own = place * this.#length
    // From the end: identifiers of one time begin alike.
    for (let at = this.#length - 1; at >= 0; at--) {
      if (this.#values[own + at] !== bytes[start + at]) return false
    }
    return true
  }
}

/** Mixes the bytes that differ most in time-ordered and in random identifiers. */
function hash(bytes: Uint8Array, start: number, length: number): number {
  const head = word(bytes, start + 4)
  const tail = word(bytes, start + length - 4)
  const mixed = Math.imul(head ^ Math.imul(tail, 0x9e3779b1), 0x85ebca6b)
  return mixed ^ (mixed >>> 15)
}

function word(bytes: Uint8Array, at: number): number {
  const low = (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8)
  return low | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24)
}
