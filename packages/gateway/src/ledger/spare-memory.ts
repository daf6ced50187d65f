/** What is shared at most, lent or waiting. It is never let go; what is beyond it is not shared. */
export const SHARED_BYTES_MAX = 67_108_864

/**
 * Memory for batches, which comes back when nobody looks at it any more. Both threads share it:
 * fresh memory for each batch, or such that went from one to the other, would look to the runtimes
 * of both like growth, and make them collect all they have some times a second. What is shared
 * they do not count at all, so it is bounded here: beyond it memory is theirs to count and collect.
 */
export class SpareMemory {
  readonly #bytesMin: number
  readonly #sharedBytesMax: number
  readonly #spare: Uint8Array[] = []
  #sharedBytes = 0

  /** `bytesMin` is what every piece has at least: a power of two. */
  constructor(bytesMin: number, sharedBytesMax = SHARED_BYTES_MAX) {
    this.#bytesMin = bytesMin
    this.#sharedBytesMax = sharedBytesMax
  }

  /** A piece of at least so many bytes, a power of two; what is in it means nothing. */
  take(bytes: number): Uint8Array {
    const at = this.#spare.findLastIndex(({ length }) => length >= bytes)
    const [found] = at < 0 ? [] : this.#spare.splice(at, 1)
    return found ?? this.#make(bytes)
  }

  /** What is not shared is left to the runtime. */
  give(memory: Uint8Array): void {
    if (memory.buffer instanceof SharedArrayBuffer) this.#spare.push(memory)
  }

  #make(bytes: number): Uint8Array {
    let size = this.#bytesMin
    while (size < bytes) size *= 2
    if (this.#sharedBytes + size > this.#sharedBytesMax) return new Uint8Array(size)
    this.#sharedBytes += size
    return new Uint8Array(new SharedArrayBuffer(size))
  }
}
