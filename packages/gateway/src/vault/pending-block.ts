import { BLOCK_ENTRIES, FAMILIES, type Family } from './block-path.ts'
import { mapKey } from './bytes.ts'
import { KEY_ID_BYTES } from './key-row.ts'
import { familyOf } from './packed-from.ts'
import { NO_RECORD_ID } from './packed-record.ts'
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
  /** Of each offset its family, and which of the keys it is under. */
  readonly #familyOf = new Uint8Array(BLOCK_ENTRIES)
  readonly #keyOf = new Uint16Array(BLOCK_ENTRIES)
  readonly #keys: Uint8Array[] = []
  readonly #keyPlaces = new Map<string, number>()
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

  /**
   * The next entry: its payload stands from `start` to `end` of `batch`, which is kept. It is left
   * in `row`; false: it is opaque, and under the key for such.
   */
  add(
    batch: Uint8Array,
    start: number,
    end: number,
    row: PackedRow,
    opaqueKeyId: Uint8Array,
  ): boolean {
    const offset = this.#next++
    if (this.#batches.at(-1) !== batch) this.#batches.push(batch)
    this.#batchOf[offset] = this.#batches.length - 1
    this.#start[offset] = start
    this.#end[offset] = end
    const isRead = readPayload(batch, start, end, row)
    this.#familyOf[offset] = familyOf(row.kind) === 'acts' ? 1 : 0
    this.#keyOf[offset] = isRead
      ? this.#keyPlace(row.memory, row.ledgerKeyAt)
      : this.#keyPlace(opaqueKeyId, 0)
    return isRead
  }

  /** Of the entries that it holds, the offsets of one family. */
  offsets(family: Family): readonly number[] {
    const wanted = FAMILIES.indexOf(family)
    const offsets: number[] = []
    for (let offset = this.#from; offset < this.#next; offset++) {
      if (this.#familyOf[offset] === wanted) offsets.push(offset)
    }
    return offsets
  }

  /** The key that an entry's own sections are under; the same object for the same key. */
  keyId(offset: number): Uint8Array {
    return this.#keys[this.#keyOf[offset] ?? 0] ?? NO_RECORD_ID
  }

  #keyPlace(from: Uint8Array, at: number): number {
    const last = this.#keys.length - 1
    // Mostly the very same key as before.
    if (last >= 0 && isAt(this.#keys[last] ?? NO_RECORD_ID, from, at)) return last
    const key = mapKey(from, at, at + KEY_ID_BYTES)
    const known = this.#keyPlaces.get(key)
    if (known !== undefined) return known
    this.#keyPlaces.set(key, this.#keys.length)
    this.#keys.push(from.slice(at, at + KEY_ID_BYTES))
    return this.#keys.length - 1
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

function isAt(keyId: Uint8Array, from: Uint8Array, start: number): boolean {
  for (let at = 0; at < KEY_ID_BYTES; at++) if (keyId[at] !== from[start + at]) return false
  return true
}
