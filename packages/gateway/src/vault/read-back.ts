import { digestAt, PackedRow, type RowSource } from './packed-row.ts'
import type { Form, Table } from './table.ts'
import { CLOSED, WHOLE } from './table-encoder.ts'

const ID_BYTES = 16
const DIGEST_BYTES = 32

/** Each section is written here and compared: one allocated for each would cost more than both. */
const scratch = Buffer.alloc(65_536)
const row = new PackedRow()

/** Whether a table that was read says exactly these rows. */
export function saysRows(table: Table, rows: RowSource): boolean {
  if (table.rows !== rows.count) return false
  for (let nth = 0; nth < rows.count; nth++) {
    rows.read(nth, row)
    if (!saysRow(table, nth)) return false
  }
  return true
}

function saysRow(table: Table, nth: number): boolean {
  const form = table.form(nth)
  if (form.kind !== row.kind || table.offset(nth) !== row.offset) return false
  if (!saysRecordId(table, nth) || form.isOpaque !== row.isOpaque) return false
  if (row.isOpaque) return isBlob(table, table.place(nth, 0), 0)
  if (form.sections.length !== row.count) return false
  for (let section = 0; section < row.count; section++) {
    if (!saysSection(table, form, nth, section)) return false
  }
  return true
}

function saysRecordId(table: Table, nth: number): boolean {
  if (table.recordIds === undefined) return true
  const place = (table.recordIds[nth] ?? 0) * ID_BYTES
  return isAt(table.pools.uuid, place, row.memory, row.recordIdAt, ID_BYTES)
}

function saysSection(table: Table, { sections }: Form, nth: number, section: number): boolean {
  const found = sections[section]
  if (found === undefined || found.id !== row.ids[section]) return false
  const place = table.place(nth, section)
  const from = row.from[section] ?? row.memory
  if (row.isClosed[section] === true) {
    if (found.template !== CLOSED) return false
    const key = (table.closedKeys[place] ?? -1) * ID_BYTES
    const digest = place * DIGEST_BYTES
    return (
      isAt(table.pools.hex16, key, from, row.keyAt[section] ?? 0, ID_BYTES) &&
      isAt(table.digests, digest, from, digestAt(row, section), DIGEST_BYTES)
    )
  }
  if (found.template === CLOSED) return false
  if (found.template === WHOLE) return isBlob(table, place, section)
  const [start, end] = [row.start[section] ?? 0, row.end[section] ?? 0]
  const shape = table.shape(found)
  if (shape.bytesMax > scratch.length) {
    const bytes = table.sectionBytes(nth, section) ?? NOTHING
    return bytes.length === end - start && isAt(bytes, 0, from, start, bytes.length)
  }
  const length = table.write(shape, place, scratch, 0)
  return length === end - start && scratch.compare(from, start, end, 0, length) === 0
}

function isBlob(table: Table, place: number, section: number): boolean {
  const blob = table.blobs[place]
  const [start, end] = [row.start[section] ?? 0, row.end[section] ?? 0]
  const from = row.from[section] ?? row.memory
  // These are long: one call is cheaper than a loop.
  return blob !== undefined && Buffer.compare(blob, from.subarray(start, end)) === 0
}

function isAt(
  one: Uint8Array,
  start: number,
  other: Uint8Array,
  from: number,
  length: number,
): boolean {
  if (start < 0 || start + length > one.length || from + length > other.length) return false
  for (let at = 0; at < length; at++) if (one[start + at] !== other[from + at]) return false
  return true
}

const NOTHING = new Uint8Array(0)
