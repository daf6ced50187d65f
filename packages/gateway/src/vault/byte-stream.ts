import { VaultError } from './errors.ts'

/** What a writer that is used again keeps. */
const KEPT_BYTES_MAX = 1_048_576

// Works on any Uint8Array; a view for each call would cost more than the bytes.
export const copyBytes = Buffer.prototype.copy as (
  this: Uint8Array,
  into: Uint8Array,
  at: number,
  start: number,
  end: number,
) => number

/** Bytes that grow. Numbers are unsigned LEB128, signed ones zigzag. */
export class ByteWriter {
  #bytes: Buffer
  length = 0

  constructor(bytes = 256) {
    this.#bytes = Buffer.allocUnsafe(bytes)
  }

  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.length)
  }

  /** What is written to; whoever writes more may move it. */
  get memory(): Uint8Array {
    return this.#bytes
  }

  /** Makes room for `count` bytes, which the caller writes; returns where they begin. */
  extend(count: number): number {
    this.#reserve(count)
    const at = this.length
    this.length += count
    return at
  }

  byte(value: number): void {
    this.#reserve(1)
    this.#bytes[this.length++] = value
  }

  /** A safe integer from 0. */
  number(value: number): void {
    this.#reserve(8)
    let rest = value
    while (rest > 0x7f) {
      this.#bytes[this.length++] = (rest % 0x80) | 0x80
      rest = Math.floor(rest / 0x80)
    }
    this.#bytes[this.length++] = rest
  }

  /** An integer of at most 52 bits. */
  signed(value: number): void {
    this.number(value < 0 ? -2 * value - 1 : 2 * value)
  }

  write(source: Uint8Array, start: number = 0, end: number = source.length): void {
    this.#reserve(end - start)
    const bytes = this.#bytes
    let next = this.length
    for (let at = start; at < end; at++) bytes[next++] = source[at] ?? 0
    this.length = next
  }

  /** As `write`, of many bytes: one call is cheaper than a loop from some hundred on. */
  copy(source: Uint8Array, start: number, end: number): void {
    this.#reserve(end - start)
    copyBytes.call(source, this.#bytes, this.length, start, end)
    this.length += end - start
  }

  /** Whether the bytes at `from` are those from `start` to `end` of `other`. */
  holds(from: number, other: Uint8Array, start: number, end: number): boolean {
    for (let at = start, own = from; at < end; at++, own++) {
      if (this.#bytes[own] !== other[at]) return false
    }
    return true
  }

  /** Forgets what was written; memory that one large pack took is given back. */
  reset(keptBytesMax: number = KEPT_BYTES_MAX): void {
    this.length = 0
    if (this.#bytes.length > keptBytesMax) this.#bytes = Buffer.allocUnsafe(256)
  }

  writeAll(source: Uint8Array): void {
    this.#reserve(source.length)
    this.#bytes.set(source, this.length)
    this.length += source.length
  }

  #reserve(count: number): void {
    if (this.length + count <= this.#bytes.length) return
    const grown = Buffer.allocUnsafe(Math.max(2 * this.#bytes.length, this.length + count))
    grown.set(this.bytes)
    this.#bytes = grown
  }
}

/** Reads what a ByteWriter wrote; VAULT_MALFORMED past the end. */
export class ByteReader {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length
  }

  byte(): number {
    const value = this.#bytes[this.#at++]
    if (value === undefined) throw malformed('bytes are missing')
    return value
  }

  number(): number {
    let value = 0
    for (let scale = 1; ; scale *= 0x80) {
      const byte = this.byte()
      value += (byte & 0x7f) * scale
      if (!Number.isSafeInteger(value)) throw malformed('number is too large')
      if (byte < 0x80) return value
    }
  }

  signed(): number {
    const value = this.number()
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2
  }

  take(count: number): Uint8Array {
    const start = this.#at
    this.#at += count
    if (this.#at > this.#bytes.length) throw malformed(`${count} bytes are missing`)
    return this.#bytes.subarray(start, this.#at)
  }

  /** What is left. */
  rest(): Uint8Array {
    return this.take(this.#bytes.length - this.#at)
  }

  /** Where the next `count` parts begin, each ended by a `stop`; last, where they are over. */
  parts(count: number, stop: number): { readonly bytes: Uint8Array; readonly starts: number[] } {
    const starts = [this.#at]
    for (let part = 0; part < count; part++) {
      let end = this.#at
      while (end < this.#bytes.length && this.#bytes[end] !== stop) end++
      if (end === this.#bytes.length) throw malformed('text has no end')
      this.#at = end + 1
      starts.push(this.#at)
    }
    return { bytes: this.#bytes, starts }
  }
}

export function malformed(message: string): VaultError {
  return new VaultError('VAULT_MALFORMED', `columns: ${message}`)
}
