/** What waits to be used again at most; and what is kept of it when little comes. */
const SPARE_BYTES_MAX = 67_108_864
const KEPT_BYTES = 8_388_608

/**
 * Memory for batches, which comes back when nobody looks at it any more. Both threads share it:
 * fresh memory for each batch, or such that went from one to the other, would look to the runtimes
 * of both like growth, and make them collect all they have some times a second.
 */
export class SpareMemory {
  readonly #bytesMin: number
  #spare: Uint8Array[] = []
  #bytes = 0

  /** `bytesMin` is what every piece has at least: a power of two. */
  constructor(bytesMin: number) {
    this.#bytesMin = bytesMin
  }

  /** A piece of at least so many bytes, a power of two; what is in it means nothing. */
  take(bytes: number): Uint8Array {
    const at = this.#spare.findLastIndex(({ length }) => length >= bytes)
    const [found] = at < 0 ? [] : this.#spare.splice(at, 1)
    this.#bytes -= found?.length ?? 0
    return found ?? new Uint8Array(new SharedArrayBuffer(this.#sizeFor(bytes)))
  }

  /** What is none of its own, or too much, is left to the runtime. */
  give(memory: Uint8Array): void {
    const { length } = memory
    const isOurs = length >= this.#bytesMin && length === this.#sizeFor(length)
    if (!isOurs || this.#bytes + length > SPARE_BYTES_MAX) return
    this.#spare.push(memory)
    this.#bytes += length
  }

  /** Little comes: some of it is let go. */
  ebb(): void {
    if (this.#bytes > KEPT_BYTES) this.#bytes -= this.#spare.pop()?.length ?? 0
  }

  #sizeFor(bytes: number): number {
    let size = this.#bytesMin
    while (size < bytes) size *= 2
    return size
  }
}
