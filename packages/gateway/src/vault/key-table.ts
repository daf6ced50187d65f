import { KEY_ID_BYTES } from './key-row.ts'

const FIRST_KEYS = 64

/** Numbers for key ids, from 0 in order of first use. A map would have a string made for each. */
export class KeyTable {
  #ids = new Uint8Array(FIRST_KEYS * KEY_ID_BYTES)
  // Open addressing: 0 is empty, else a number and one. At most one half is in use.
  #slots = new Int32Array(2 * FIRST_KEYS)
  #count = 0
  #last = 0

  /** The number of the key id at `at`. */
  of(from: Uint8Array, at: number): number {
    // A record's sections mostly have one key between them.
    if (this.#count === 0 || !this.#isAt(this.#last, from, at)) this.#last = this.#find(from, at)
    return this.#last
  }

  get count(): number {
    return this.#count
  }

  /** A view. */
  id(nth: number): Uint8Array {
    return this.#ids.subarray(nth * KEY_ID_BYTES, (nth + 1) * KEY_ID_BYTES)
  }

  #find(from: Uint8Array, at: number): number {
    const mask = this.#slots.length - 1
    let slot = hashOf(from, at) & mask
    for (let held = this.#slots[slot] ?? 0; held !== 0; held = this.#slots[slot] ?? 0) {
      if (this.#isAt(held - 1, from, at)) return held - 1
      slot = (slot + 1) & mask
    }
    const nth = this.#count++
    this.#slots[slot] = nth + 1
    for (let byte = 0; byte < KEY_ID_BYTES; byte++) {
      this.#ids[nth * KEY_ID_BYTES + byte] = from[at + byte] ?? 0
    }
    if (2 * this.#count === this.#slots.length) this.#grow()
    return nth
  }

  #isAt(nth: number, from: Uint8Array, at: number): boolean {
    const [ids, start] = [this.#ids, nth * KEY_ID_BYTES]
    for (let byte = 0; byte < KEY_ID_BYTES; byte++) {
      if (ids[start + byte] !== from[at + byte]) return false
    }
    return true
  }

  #grow(): void {
    const ids = new Uint8Array(2 * this.#ids.length)
    ids.set(this.#ids)
    this.#ids = ids
    this.#slots = new Int32Array(2 * this.#slots.length)
    const mask = this.#slots.length - 1
    for (let nth = 0; nth < this.#count; nth++) {
      let slot = hashOf(ids, nth * KEY_ID_BYTES) & mask
      while (this.#slots[slot] !== 0) slot = (slot + 1) & mask
      this.#slots[slot] = nth + 1
    }
  }
}

/** Of a key id, whose last bytes this gateway drew at random. */
function hashOf(from: Uint8Array, keyAt: number): number {
  const at = keyAt + KEY_ID_BYTES - 4
  return (
    ((from[at] ?? 0) << 24) |
    ((from[at + 1] ?? 0) << 16) |
    ((from[at + 2] ?? 0) << 8) |
    (from[at + 3] ?? 0)
  )
}
