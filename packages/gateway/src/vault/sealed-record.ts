import type { DataKey } from './key-ring.ts'
import type { PackedRecord } from './packed-record.ts'
import { Table } from './table.ts'

/** One entry of a block, not opened yet. */
export class SealedRecord {
  readonly index: number
  readonly ledgerKey: DataKey
  /** The pack that holds it; undefined when only the write-ahead log does. */
  readonly table: Table | undefined
  /** Its row there. */
  readonly row: number
  #record: PackedRecord | undefined

  /** Of a row of a table, or of a record that stands in none. */
  constructor(index: number, ledgerKey: DataKey, from: PackedRecord | Table, row = -1) {
    this.index = index
    this.ledgerKey = ledgerKey
    this.table = from instanceof Table ? from : undefined
    this.row = row
    this.#record = from instanceof Table ? undefined : from
  }

  get record(): PackedRecord {
    this.#record ??= this.table?.record(this.row)
    if (this.#record === undefined) throw new RangeError(`entry ${this.index} has no record`)
    return this.#record
  }
}
