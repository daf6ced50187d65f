import { NO_RECORD_ID, OPAQUE_KIND, type PackedRecord } from './packed-record.ts'

/** A record has fewer; a row of a pack cannot have more. */
const SECTIONS_MAX = 255
const KEY_ID_BYTES = 16
/** Before the bytes of an open section, in payloads as in rows: id u8, length u24, 0x00. */
export const SECTION_HEAD_BYTES = 5

/**
 * One row of a pack while it is packed: places in memory that somebody else keeps. One object
 * serves for all rows, so that packing millions of them makes none.
 */
export class PackedRow {
  /** Position in the block, or in the segment. */
  offset = 0
  kind: number = OPAQUE_KIND
  /** Holds the record's id at `recordIdAt`, and the id of the ledger's key at `ledgerKeyAt`. */
  memory: Uint8Array = NO_RECORD_ID
  recordIdAt = 0
  ledgerKeyAt = 0
  /** Sections, or one opaque payload. */
  isOpaque = false
  /** In the memory of each open section its head stands before it. */
  hasHeads = false
  count = 0
  /** Of each section: its id, */
  readonly ids: Uint8Array = new Uint8Array(SECTIONS_MAX)
  /** whether its key is not the pack's: then its key id and digest stand at `keyAt`, */
  readonly isClosed: boolean[] = Array.from({ length: SECTIONS_MAX }, () => false)
  readonly keyAt: Int32Array = new Int32Array(SECTIONS_MAX)
  /** and where its bytes are: from `start` to `end` of `from`. */
  readonly from: Uint8Array[] = Array.from({ length: SECTIONS_MAX }, () => NO_RECORD_ID)
  readonly start: Int32Array = new Int32Array(SECTIONS_MAX)
  readonly end: Int32Array = new Int32Array(SECTIONS_MAX)

  /** An opaque payload. */
  setOpaque(from: Uint8Array, start: number, end: number): void {
    this.kind = OPAQUE_KIND
    this.memory = NO_RECORD_ID
    this.recordIdAt = 0
    this.isOpaque = true
    this.hasHeads = false
    this.count = 1
    this.put(0, 0, from, start, end)
  }

  put(nth: number, id: number, from: Uint8Array, start: number, end: number): void {
    this.ids[nth] = id
    this.isClosed[nth] = false
    // Mostly what stands there: the collector is told of each reference that is written.
    if (this.from[nth] !== from) this.from[nth] = from
    this.start[nth] = start
    this.end[nth] = end
  }

  /**
   * The open sections from the `nth` on that stand one behind the other, heads and all, end before
   * this one: what is copied or compared at once.
   */
  runEnd(nth: number): number {
    const from = this.from[nth]
    let next = nth + 1
    for (; next < this.count && this.isClosed[next] !== true; next++) {
      const headAt = (this.start[next] ?? 0) - SECTION_HEAD_BYTES
      if (this.from[next] !== from || headAt !== this.end[next - 1]) break
    }
    return next
  }
}

/** Rows that can be read as often as somebody wants. */
export interface RowSource {
  readonly count: number
  /** Puts the `nth` row into `row`. */
  read(nth: number, row: PackedRow): void
}

/** Rows of records that are objects already. */
export function rowsOf(records: readonly PackedRecord[]): RowSource {
  return {
    count: records.length,
    read: (nth, row) => {
      const record = records[nth]
      if (record !== undefined) readRecord(record, row)
    },
  }
}

function readRecord(record: PackedRecord, row: PackedRow): void {
  row.offset = record.offset
  if (record.opaque !== undefined) {
    row.setOpaque(record.opaque, 0, record.opaque.length)
    row.kind = record.kind
    return
  }
  row.kind = record.kind
  row.memory = record.recordId
  row.recordIdAt = 0
  row.isOpaque = false
  row.hasHeads = false
  row.count = record.sections.length
  record.sections.forEach((section, nth) => {
    if ('bytes' in section) {
      row.put(nth, section.id, section.bytes, 0, section.bytes.length)
      return
    }
    const closed = Buffer.concat([section.keyId, section.digest])
    row.put(nth, section.id, closed, closed.length, closed.length)
    row.isClosed[nth] = true
    row.keyAt[nth] = 0
  })
}

/** Where the digest of a closed section stands in its memory. */
export function digestAt(row: PackedRow, nth: number): number {
  return (row.keyAt[nth] ?? 0) + KEY_ID_BYTES
}
