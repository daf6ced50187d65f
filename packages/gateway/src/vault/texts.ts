import type { ByteReader } from './byte-stream.ts'

/** Texts that stand one after the other, each ended by one byte; no view is made of them. */
export class Texts {
  readonly count: number
  readonly #bytes: Uint8Array
  /** Where each begins; the last one is where the next would. */
  readonly #starts: readonly number[]

  /** VAULT_MALFORMED where `count` of them do not follow. */
  constructor(from: ByteReader, count: number, stop: number) {
    const { bytes, starts } = from.parts(count, stop)
    this.count = count
    this.#bytes = bytes
    this.#starts = starts
  }

  /** In bytes; -1 where there is no such text. */
  length(nth: number): number {
    const [start, end] = [this.#starts[nth], this.#starts[nth + 1]]
    return start === undefined || end === undefined ? -1 : end - 1 - start
  }

  at(nth: number): Uint8Array {
    const start = this.#starts[nth] ?? 0
    return this.#bytes.subarray(start, start + Math.max(0, this.length(nth)))
  }

  /** Copies a text that is there; returns where the next byte goes. */
  write(nth: number, into: Uint8Array, at: number): number {
    const start = this.#starts[nth] ?? 0
    const length = this.length(nth)
    for (let byte = 0; byte < length; byte++) into[at + byte] = this.#bytes[start + byte] ?? 0
    return at + length
  }

  every(nth: number, holds: (byte: number) => boolean): boolean {
    const start = this.#starts[nth] ?? 0
    const length = this.length(nth)
    for (let byte = 0; byte < length; byte++) {
      if (!holds(this.#bytes[start + byte] ?? 0)) return false
    }
    return true
  }
}
