import { ByteWriter, malformed } from './byte-stream.ts'
import { BULK, BULK_BYTES_MIN, FEW, frame } from './frames.ts'
import { JoinedBytes } from './joined-bytes.ts'
import { digestAt, PackedRow, type RowSource, SECTION_HEAD_BYTES } from './packed-row.ts'
import { saysPlainRows } from './row-check.ts'
import { CLOSED_STATE, NO_PLACE } from './row-reader.ts'
import { OPAQUE_SECTIONS } from './table-encoder.ts'
import { isUuidAt, UUID_CHARACTERS, viewOf } from './words.ts'

const ID_BYTES = 16
const DIGEST_BYTES = 32
/** How far into a record's first section its id is looked for. */
const PLACE_MAX = 96
const KINDS = 256
const row = new PackedRow()

/**
 * Writes packs of layout 2: rows as they are, one after the other, under one frame. It costs less
 * than columns do and takes more room (0016): for who has much to pack.
 */
export class RowWriter {
  readonly #rows = new ByteWriter(1024)
  readonly #ids = new ByteWriter(1024)
  readonly #digests = new ByteWriter(1024)
  readonly #head = new ByteWriter(32)
  readonly #plain = new JoinedBytes()
  /** By kind, where the record's id was found last in its first section. */
  readonly #places = new Uint8Array(KINDS)

  /** Lasts until the next; undefined where it does not read back as `from` says. */
  encode(from: RowSource, options: { readonly hasRecordIds: boolean }): Uint8Array | undefined {
    for (const writer of [this.#rows, this.#ids, this.#digests, this.#head]) writer.reset()
    let next = 0
    for (let nth = 0; nth < from.count; nth++) {
      from.read(nth, row)
      if (row.offset < next) throw malformed('rows are out of order')
      this.#rows.number(row.offset - next)
      next = row.offset + 1
      this.#add(row, options.hasRecordIds)
    }
    const plain = this.#finish(from.count)
    return saysPlainRows(plain, from, options) ? plain : undefined
  }

  #finish(count: number): Uint8Array {
    const [rows, head] = [this.#rows.bytes, this.#head]
    const framed = frame(rows, rows.length < BULK_BYTES_MIN ? FEW : BULK)
    for (const each of [count, rows.length, this.#ids.length, framed.length]) head.number(each)
    return this.#plain.join([head.bytes, framed, this.#ids.bytes, this.#digests.bytes])
  }

  #add(row: PackedRow, hasRecordId: boolean): void {
    const to = this.#rows
    to.byte(row.kind)
    to.byte(row.isOpaque ? OPAQUE_SECTIONS : row.count)
    if (hasRecordId && !row.isOpaque) this.#addRecordId(row)
    for (let nth = 0; nth < row.count; nth++) {
      if (row.isClosed[nth] === true) this.#addClosed(row, nth)
      else if (row.hasHeads) nth = this.#addRun(row, nth)
      else this.#addOpen(row, nth)
    }
  }

  #addRecordId(row: PackedRow): void {
    const place = this.#placeOf(row)
    this.#rows.byte(place)
    if (place !== NO_PLACE) return
    this.#ids.write(row.memory, row.recordIdAt, row.recordIdAt + ID_BYTES)
  }

  /** Where the first section says the record's id, as `when` does. */
  #placeOf(row: PackedRow): number {
    if (row.count === 0 || row.isClosed[0] === true) return NO_PLACE
    const last = this.#places[row.kind] ?? NO_PLACE
    if (last !== NO_PLACE && isIdAt(row, last)) return last
    for (let place = 1; place <= PLACE_MAX; place++) {
      if (!isIdAt(row, place)) continue
      this.#places[row.kind] = place
      return place
    }
    return NO_PLACE
  }

  /** Returns which section was the last of it. */
  #addRun(row: PackedRow, nth: number): number {
    const last = row.runEnd(nth) - 1
    const start = (row.start[nth] ?? 0) - SECTION_HEAD_BYTES
    this.#rows.copy(row.from[nth] ?? row.memory, start, row.end[last] ?? 0)
    return last
  }

  #addOpen(row: PackedRow, nth: number): void {
    const [start, end] = [row.start[nth] ?? 0, row.end[nth] ?? 0]
    this.#addHead(row.ids[nth] ?? 0, end - start, 0)
    this.#rows.copy(row.from[nth] ?? row.memory, start, end)
  }

  #addClosed(row: PackedRow, nth: number): void {
    const from = row.from[nth] ?? row.memory
    const keyAt = row.keyAt[nth] ?? 0
    this.#addHead(row.ids[nth] ?? 0, 0, CLOSED_STATE)
    this.#rows.write(from, keyAt, keyAt + ID_BYTES)
    const digest = digestAt(row, nth)
    this.#digests.write(from, digest, digest + DIGEST_BYTES)
  }

  #addHead(id: number, length: number, state: number): void {
    const to = this.#rows
    const at = to.extend(SECTION_HEAD_BYTES)
    const { memory } = to
    memory[at] = id
    memory[at + 1] = length >>> 16
    memory[at + 2] = length >>> 8
    memory[at + 3] = length
    memory[at + 4] = state
  }
}

function isIdAt({ memory, recordIdAt, from, start, end }: PackedRow, place: number): boolean {
  const at = (start[0] ?? 0) + place
  if (at + UUID_CHARACTERS > (end[0] ?? 0)) return false
  return isUuidAt(memory, recordIdAt, viewOf(from[0] ?? memory), at)
}
