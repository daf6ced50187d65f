import type { Random } from '../../platform/index.ts'

/** Bytes that lie in a longer buffer. */
export interface Lines {
  readonly bytes: Buffer
  readonly from: number
  readonly to: number
}

/** Odd, with its bits well mixed: the golden ratio. */
const FACTOR = 0x9e3779b1
const SEED_BYTES = 8

/**
 * Numbers that stand for lines, of 32 bits and of all of their bytes. Each instance begins with a
 * seed of its own, so that nobody outside can say which number a text has.
 */
export class LineSums {
  readonly #first: number
  readonly #second: number
  /** Of the memory that was read last: mostly it is read into again. */
  #view = new DataView<ArrayBufferLike>(new ArrayBuffer(0))

  constructor(random: Random) {
    const seed = Buffer.from(random.bytes(SEED_BYTES))
    this.#first = seed.readInt32LE(0)
    this.#second = seed.readInt32LE(4)
  }

  /** Two sums beside each other, each of every other word: neither waits for the other. */
  of({ bytes, from, to }: Lines): number {
    const view = this.#viewOf(bytes)
    const end = bytes.byteOffset + to
    let [first, second] = [this.#first, this.#second]
    let at = bytes.byteOffset + from
    for (; at + 8 <= end; at += 8) {
      first = Math.imul(first ^ view.getInt32(at, true), FACTOR)
      second = Math.imul(second ^ view.getInt32(at + 4, true), FACTOR)
      first ^= first >>> 15
      second ^= second >>> 15
    }
    for (; at < end; at += 1) first = Math.imul(first ^ view.getUint8(at), FACTOR)
    const both = Math.imul(first ^ (first >>> 15) ^ second, FACTOR)
    return both ^ (both >>> 16)
  }

  #viewOf({ buffer }: Buffer): DataView<ArrayBufferLike> {
    if (this.#view.buffer !== buffer) this.#view = new DataView(buffer)
    return this.#view
  }
}
