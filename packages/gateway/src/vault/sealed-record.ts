import type { DataKey } from './key-ring.ts'
import type { PackedRecord } from './packed-record.ts'
import type { Table } from './table.ts'

/** One entry of a block, not opened yet. */
export class SealedRecord {
  readonly index: number
  readonly ledgerKey: DataKey
  /** The pack that holds it; undefined when only the write-ahead log does. */
  readonly table: Table | undefined
  /** Its row there. */
  readonly row: number
  #record: PackedRecord | undefined

  constructor(
    index: number,
    ledgerKey: DataKey,
    from: PackedRecord | { readonly table: Table; readonly row: number },
  ) {
    this.index = index
    this.ledgerKey = ledgerKey
    this.table = 'table' in from ? from.table : undefined
    this.row = 'table' in from ? from.row : -1
    this.#record = 'table' in from ? undefined : from
  }

  get record(): PackedRecord {
    this.#record ??= this.table?.record(this.row)
    if (this.#record === undefined) throw new RangeError(`entry ${this.index} has no record`)
    return this.#record
  }
}
