import type { PackedRecord, PackedSection } from './packed-record.ts'
import type { Form, Table } from './table.ts'
import { CLOSED, WHOLE } from './table-encoder.ts'

/** Each section is written here and compared: one allocated for each would cost more than both. */
const scratch = Buffer.alloc(65_536)

/** Whether a table that was read says exactly these records. */
export function saysRecords(table: Table, records: readonly PackedRecord[]): boolean {
  if (table.rows !== records.length) return false
  for (let row = 0; row < records.length; row++) {
    const record = records[row]
    if (record === undefined || !saysRecord(table, row, record)) return false
  }
  return true
}

function saysRecord(table: Table, row: number, record: PackedRecord): boolean {
  const form = table.form(row)
  const { sections, opaque } = record
  if (form.kind !== record.kind || table.offset(row) !== record.offset) return false
  if (Buffer.compare(table.recordId(row), record.recordId) !== 0) return false
  if (form.isOpaque !== (opaque !== undefined)) return false
  if (opaque !== undefined && !isBlob(table, table.place(row, 0), opaque)) return false
  if (form.sections.length !== sections.length) return false
  for (let nth = 0; nth < sections.length; nth++) {
    const section = sections[nth]
    if (section === undefined || !saysSection(table, form, row, nth, section)) return false
  }
  return true
}

function saysSection(
  table: Table,
  { sections }: Form,
  row: number,
  nth: number,
  section: PackedSection,
): boolean {
  const found = sections[nth]
  if (found === undefined || found.id !== section.id) return false
  const place = table.place(row, nth)
  if (!('bytes' in section)) {
    if (found.template !== CLOSED) return false
    if (Buffer.compare(table.closedKeyId(place), section.keyId) !== 0) return false
    return Buffer.compare(table.closedDigest(place), section.digest) === 0
  }
  if (found.template === CLOSED) return false
  const { bytes } = section
  if (found.template === WHOLE) return isBlob(table, place, bytes)
  const shape = table.shape(found)
  if (shape.bytesMax > scratch.length) {
    return Buffer.compare(table.sectionBytes(row, nth) ?? NOTHING, bytes) === 0
  }
  const end = table.write(shape, place, scratch, 0)
  return end === bytes.length && scratch.compare(bytes, 0, bytes.length, 0, end) === 0
}

function isBlob(table: Table, place: number, bytes: Uint8Array): boolean {
  const blob = table.blobs[place]
  return blob !== undefined && Buffer.compare(blob, bytes) === 0
}

const NOTHING = new Uint8Array(0)
