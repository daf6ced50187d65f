import { BLOCK_ENTRIES, type Family } from './block-path.ts'
import type { PackedRow } from './packed-row.ts'
import { readPayload } from './payload.ts'

/** What one family's files already hold of a block: its first `width` entries. */
export interface SealedPart {
  readonly width: number
  readonly packs: readonly Uint8Array[]
}

export const NOTHING_SEALED: SealedPart = { width: 0, packs: [] }

/** A block in the making. The write-ahead log still holds every entry that it has. */
export class PendingBlock {
  readonly number: number
  /** Entries before this offset are in files only. */
  readonly startOffset: number
  sealed: { readonly [family in Family]: SealedPart } | undefined
  /** The batches that hold the payloads, and of each offset its batch and where it is there. */
  readonly #batches: (Uint8Array | undefined)[] = []
  readonly #batchOf = new Int32Array(BLOCK_ENTRIES)
  readonly #start = new Int32Array(BLOCK_ENTRIES)
  readonly #end = new Int32Array(BLOCK_ENTRIES)
  #from: number
  #next: number

  constructor(number: number, startOffset: number) {
    this.number = number
    this.startOffset = startOffset
    this.#from = startOffset
    this.#next = startOffset
  }

  get first(): number {
    return this.number * BLOCK_ENTRIES
  }

  /** The offsets of what it holds: from `from` to `next` − 1. */
  get from(): number {
    return this.#from
  }

  get next(): number {
    return this.#next
  }

  /** The next entry: its payload stands from `start` to `end` of `batch`, which is kept. */
  add(batch: Uint8Array, start: number, end: number): void {
    const offset = this.#next++
    if (this.#batches.at(-1) !== batch) this.#batches.push(batch)
    this.#batchOf[offset] = this.#batches.length - 1
    this.#start[offset] = start
    this.#end[offset] = end
  }

  /** Reads the payload of an entry; false: it is opaque. */
  read(offset: number, row: PackedRow): boolean {
    row.offset = offset
    return readPayload(this.#batch(offset), this.#start[offset] ?? 0, this.#end[offset] ?? 0, row)
  }

  payload(offset: number): Uint8Array {
    return this.#batch(offset).subarray(this.#start[offset] ?? 0, this.#end[offset] ?? 0)
  }

  /** What is before this offset is in files. */
  dropBefore(offset: number): void {
    this.#from = Math.max(this.#from, Math.min(offset, this.#next))
    const needed = this.#from < this.#next ? this.#batchOf[this.#from] : this.#batches.length
    this.#batches.fill(undefined, 0, needed)
  }

  #batch(offset: number): Uint8Array {
    const batch = this.#batches[this.#batchOf[offset] ?? 0]
    if (batch !== undefined && offset >= this.#from && offset < this.#next) return batch
    throw new RangeError(`block ${this.number} does not hold offset ${offset}`)
  }
}
