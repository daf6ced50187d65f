/** Beyond it, memory is for one use. */
const KEPT_BYTES_MAX = 4_194_304

/**
 * Bytes that are put one behind the other in memory that is used again: what is fresh each time
 * makes the runtime collect, whatever becomes of it. What is returned lasts until the next.
 */
export class JoinedBytes {
  #bytes = new Uint8Array(0)

  join(parts: readonly Uint8Array[]): Uint8Array {
    let length = 0
    for (const part of parts) length += part.length
    const into = this.#of(length)
    let at = 0
    for (const part of parts) {
      into.set(part, at)
      at += part.length
    }
    return into.subarray(0, length)
  }

  #of(length: number): Uint8Array {
    if (length > KEPT_BYTES_MAX) return new Uint8Array(length)
    if (length > this.#bytes.length)
      this.#bytes = new Uint8Array(Math.min(2 * length, KEPT_BYTES_MAX))
    return this.#bytes
  }
}
