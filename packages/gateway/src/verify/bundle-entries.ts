/** The entries of a bundle that was found to be one, without a view for each. */
export class BundleEntries {
  readonly bytes: Uint8Array
  readonly #starts: Int32Array

  constructor(bytes: Uint8Array, width: number) {
    this.bytes = bytes
    this.#starts = new Int32Array(width + 1)
    let start = 0
    for (let nth = 0; nth < width; nth += 1) {
      this.#starts[nth] = start
      start += 2 + (bytes[start] ?? 0) * 256 + (bytes[start + 1] ?? 0)
    }
    this.#starts[width] = start
  }

  at(nth: number): Uint8Array {
    return this.bytes.subarray(this.start(nth), this.#starts[nth + 1])
  }

  /** Where the bytes of an entry begin, after its length. */
  start(nth: number): number {
    return (this.#starts[nth] ?? 0) + 2
  }

  /** Whether an entry has just these bytes. */
  is(nth: number, bytes: Uint8Array): boolean {
    return this.isAt(nth, bytes, 0, bytes.length)
  }

  /** The same, of those from `from` to `end`. */
  isAt(nth: number, bytes: Uint8Array, from: number, end: number): boolean {
    const start = this.start(nth)
    const length = end - from
    if ((this.#starts[nth + 1] ?? 0) - start !== length) return false
    for (let at = 0; at < length; at += 1) {
      if (this.bytes[start + at] !== bytes[from + at]) return false
    }
    return true
  }
}
