import { type Random, readLatin1 } from '../platform/index.ts'

/** What is drawn at once: the call, and the bytes' way into text, cost more than the digits. */
const DRAWN_BYTES = 8192

/** Random digits for what is no secret of ours: salts that are recorded, and names of traces. */
export class RandomHex {
  readonly #random: Random
  #digits = Buffer.alloc(0)
  #at = 0

  constructor(random: Random) {
    this.#random = random
  }

  /** Hexadecimal, lower case. A text of its own: pieces of others are slow to make JSON of. */
  digits(count: number): string {
    const at = this.#take(count)
    return readLatin1(this.#digits, at, at + count)
  }

  /** The same as ASCII. */
  write(into: Uint8Array, start: number, count: number): void {
    const from = this.#take(count)
    const digits = this.#digits
    for (let at = 0; at < count; at += 1) into[start + at] = digits[from + at] ?? 0
  }

  #take(count: number): number {
    if (this.#at + count > this.#digits.length) {
      const drawn = Buffer.from(this.#random.bytes(DRAWN_BYTES))
      this.#digits = Buffer.from(drawn.toString('hex'), 'latin1')
      this.#at = 0
    }
    const at = this.#at
    this.#at += count
    return at
  }
}
