import { decodeBundle, ENTRY_BYTES_MAX, TILE_WIDTH } from '@countersign/tlog'

/** Each entry is preceded by its length, big endian. */
const LENGTH_BYTES = 2
const FIRST_BYTES = 16_384

/** The entry bundle that is being filled, as the bytes of its file. */
export class BundleBuilder {
  #bytes = new Uint8Array(FIRST_BYTES)
  #length = 0
  #width = 0

  constructor(entries: readonly Uint8Array[]) {
    for (const entry of entries) this.append(entry, 0, entry.length)
  }

  get width(): number {
    return this.#width
  }

  get isFull(): boolean {
    return this.#width === TILE_WIDTH
  }

  /** Copies an entry. */
  append(from: Uint8Array, start: number, end: number): void {
    const entryBytes = end - start
    if (entryBytes > ENTRY_BYTES_MAX) throw new RangeError(`entry of ${entryBytes} bytes`)
    this.#reserve(this.#length + LENGTH_BYTES + entryBytes)
    const bytes = this.#bytes
    let at = this.#length
    bytes[at++] = entryBytes >>> 8
    bytes[at++] = entryBytes & 0xff
    for (let byte = start; byte < end; byte += 1) bytes[at++] = from[byte] ?? 0
    this.#length = at
    this.#width += 1
  }

  /** A copy of the file's bytes. */
  bytes(): Uint8Array {
    return this.#bytes.slice(0, this.#length)
  }

  /** Copies of the entries. */
  entries(): readonly Uint8Array[] {
    return this.#width === 0 ? [] : decodeBundle(this.bytes(), this.#width)
  }

  clear(): void {
    this.#length = 0
    this.#width = 0
  }

  #reserve(bytes: number): void {
    if (bytes <= this.#bytes.length) return
    const grown = new Uint8Array(Math.max(bytes, 2 * this.#bytes.length))
    grown.set(this.#bytes.subarray(0, this.#length))
    this.#bytes = grown
  }
}
