import { ByteReader } from './byte-stream.ts'
import { TIME_BYTES, writeTime } from './column-time.ts'
import { VaultError } from './errors.ts'
import { readIntegersInto } from './integer-column.ts'
import { MARKS } from './json-scan.ts'
import { digestAt, PackedRow, type RowSource } from './packed-row.ts'
import { type Column, TEXT_END } from './table-columns.ts'
import {
  CLOSED,
  OPAQUE_SECTIONS,
  type TableEncoder,
  type TableStreams,
  type Template,
  UUID_PLANES,
  WHOLE,
} from './table-encoder.ts'
import { isHexAt, isUuidAt, UUID_CHARACTERS, viewOf } from './words.ts'

const ID_BYTES = 16
const DIGEST_BYTES = 32
const HEX8_BYTES = 8
const DASH = 0x2d
const ZERO = 0x30
const NOTHING = new Uint8Array(0)
/** Memory for columns that is kept from pack to pack; one large pack gives its own back. */
const KEPT_VALUES_MAX = 131_072

const row = new PackedRow()
const time = new Uint8Array(TIME_BYTES)

/**
 * Whether the streams of a pack say exactly these rows, byte for byte. It reads them as
 * `decodeTable` does, but makes nothing of them: each value is held against the bytes that it
 * stands for, where `encoder` found it; what stands between values was held against the skeleton
 * when it was cut, and the skeleton is compared here. What is malformed says nothing.
 */
export function saysRows(
  streams: TableStreams<Uint8Array>,
  rows: RowSource,
  encoder: TableEncoder,
): boolean {
  try {
    return new ReadBack(streams, encoder).says(rows)
  } catch (error) {
    if (error instanceof VaultError) return false
    throw error
  }
}

/** The same for each section of a form: its id and its template, two bytes each. */
interface Form {
  readonly kind: number
  readonly count: number
  readonly sections: Uint8Array
}

/** A template as it was written, beside what was read of it. */
interface ReadTemplate {
  readonly written: Template
  readonly columns: ReadColumn[]
  rows: number
  /** How many of its rows were found where they should be, and whose memory the next is in. */
  seen: number
  from: number
}

interface ReadColumn {
  readonly mark: number
  /** Where its values begin in `values`. */
  readonly at: number
  /** What its values point into: texts, and where each begins; a pool; or 8 bytes a row. */
  readonly bytes: Uint8Array
  readonly starts: readonly number[]
}

/** Every integer of the pack that is being read. */
let values = new Float64Array(4_096)

class ReadBack {
  readonly #from: TableStreams<ByteReader>
  readonly #encoder: TableEncoder
  readonly #structure: ByteReader
  readonly #forms: Form[] = []
  readonly #templates: ReadTemplate[] = []
  #used = 0
  #shapedBytes = 0
  #uuids: Uint8Array = NOTHING
  #hex16: Uint8Array = NOTHING
  #hex32: Uint8Array = NOTHING
  #digests: Uint8Array = NOTHING
  #closedKeysAt = 0
  #blobLengthsAt = 0
  #closed = 0
  #blobs = 0

  constructor(streams: TableStreams<Uint8Array>, encoder: TableEncoder) {
    this.#encoder = encoder
    this.#from = {
      structure: new ByteReader(streams.structure),
      numbers: new ByteReader(streams.numbers),
      texts: new ByteReader(streams.texts),
      raw: new ByteReader(streams.raw),
      blobs: new ByteReader(streams.blobs),
    }
    this.#structure = this.#from.structure
    if (values.length > KEPT_VALUES_MAX) values = new Float64Array(4_096)
  }

  /** In the order in which `TableEncoder` writes. */
  says(rows: RowSource): boolean {
    const structure = this.#structure
    if (structure.number() !== rows.count) return false
    this.#shapedBytes = structure.number()
    this.#readForms()
    if (!this.#readTemplates()) return false
    const offsets = this.#integers(rows.count)
    const forms = this.#integers(rows.count)
    const recordIds = this.#encoder.hasRecordIds ? this.#integers(rows.count) : -1
    const { closed, blobs } = this.#count(forms, rows.count)
    this.#closedKeysAt = this.#integers(closed)
    this.#blobLengthsAt = this.#integers(blobs)
    this.#digests = this.#from.raw.take(closed * DIGEST_BYTES)
    for (const template of this.#templates) this.#readColumns(template)
    this.#readPools()
    for (let nth = 0; nth < rows.count; nth++) {
      rows.read(nth, row)
      if (values[offsets + nth] !== row.offset) return false
      if (recordIds >= 0 && !this.#saysId(values[recordIds + nth] ?? -1)) return false
      if (!this.#saysRow(this.#forms[values[forms + nth] ?? -1])) return false
    }
    const isDone = Object.values(this.#from).every((stream: ByteReader) => stream.isAtEnd)
    return isDone && this.#shapedBytes === 0 && this.#templates.every((each) => this.#says(each))
  }

  #integers(count: number): number {
    const at = this.#used
    this.#used += count
    if (this.#used > values.length) {
      const grown = new Float64Array(2 * this.#used)
      grown.set(values)
      values = grown
    }
    readIntegersInto(values, at, count, this.#from)
    return at
  }

  #readForms(): void {
    const structure = this.#structure
    for (let left = structure.number(); left > 0; left--) {
      const kind = structure.byte()
      const count = structure.byte()
      const sections = structure.take(count === OPAQUE_SECTIONS ? 0 : 2 * count)
      this.#forms.push({ kind, count, sections })
    }
  }

  #readTemplates(): boolean {
    const structure = this.#structure
    for (let left = structure.number(); left > 0; left--) {
      const skeleton = structure.take(structure.number())
      const written = this.#encoder.template(this.#templates.length + 1)
      if (written === undefined || !isSame(skeleton, written.skeleton.bytes)) return false
      this.#templates.push({ written, columns: [], rows: 0, seen: 0, from: 0 })
    }
    return true
  }

  /** How many rows each template has, and how many sections have none. */
  #count(forms: number, rows: number): { readonly closed: number; readonly blobs: number } {
    const times = new Uint32Array(this.#forms.length)
    for (let nth = 0; nth < rows; nth++) {
      const form = values[forms + nth] ?? 0
      times[form] = (times[form] ?? 0) + 1
    }
    let [closed, blobs] = [0, 0]
    for (let nth = 0; nth < times.length; nth++) {
      const { count, sections } = this.#forms[nth] as Form
      const some = times[nth] ?? 0
      if (count === OPAQUE_SECTIONS) blobs += some
      for (let at = 1; at < sections.length; at += 2) {
        const place = sections[at] ?? 0
        const template = this.#templates[place - 1]
        if (place === WHOLE) blobs += some
        else if (place === CLOSED) closed += some
        else if (template !== undefined) template.rows += some
      }
    }
    return { closed, blobs }
  }

  #readColumns({ written, columns, rows }: ReadTemplate): void {
    for (const mark of written.skeleton.marks) {
      if (mark === MARKS.hex8) {
        const bytes = this.#from.raw.take(rows * HEX8_BYTES)
        columns.push({ mark, at: 0, bytes, starts: NO_STARTS })
      } else if (mark === MARKS.text) {
        const count = this.#structure.number()
        const at = this.#integers(rows)
        columns.push({ mark, at, ...this.#from.texts.parts(count, TEXT_END) })
      } else columns.push({ mark, at: this.#integers(rows), bytes: NOTHING, starts: NO_STARTS })
    }
  }

  #readPools(): void {
    const { numbers, raw } = this.#from
    const uuids = this.#structure.number()
    const hex16 = this.#structure.number()
    const hex32 = this.#structure.number()
    // Taken before any is made: what is damaged might claim any number.
    const planes = numbers.take(uuids * UUID_PLANES)
    const pool = new Uint8Array(uuids * ID_BYTES)
    for (let plane = 0, from = 0; plane < UUID_PLANES; plane++) {
      for (let nth = 0; nth < uuids; nth++, from++) {
        pool[nth * ID_BYTES + plane] = planes[from] ?? 0
      }
    }
    const halves = raw.take(uuids * (ID_BYTES - UUID_PLANES))
    for (let from = 0, at = 0; from < halves.length; at += UUID_PLANES) {
      for (const end = at + UUID_PLANES; at < end; at++, from++) {
        pool[at + UUID_PLANES] = halves[from] ?? 0
      }
    }
    this.#uuids = pool
    this.#hex16 = raw.take(hex16 * ID_BYTES)
    this.#hex32 = raw.take(hex32 * DIGEST_BYTES)
  }

  #saysId(place: number): boolean {
    return isAt(this.#uuids, place * ID_BYTES, row.memory, row.recordIdAt, ID_BYTES)
  }

  #saysRow(form: Form | undefined): boolean {
    if (form === undefined || form.kind !== row.kind) return false
    const { count, sections } = form
    if (row.isOpaque || count === OPAQUE_SECTIONS) {
      return row.isOpaque && count === OPAQUE_SECTIONS && this.#saysBlob(0)
    }
    if (count !== row.count) return false
    for (let nth = 0; nth < count; nth++) {
      if (sections[2 * nth] !== row.ids[nth]) return false
      if (!this.#saysSection(nth, sections[2 * nth + 1] ?? 0)) return false
    }
    return true
  }

  #saysSection(nth: number, place: number): boolean {
    if ((row.isClosed[nth] === true) !== (place === CLOSED)) return false
    if (place === CLOSED) return this.#saysClosed(nth)
    if (place === WHOLE) return this.#saysBlob(nth)
    const template = this.#templates[place - 1]
    if (template === undefined) return false
    const [start, end] = [row.start[nth] ?? 0, row.end[nth] ?? 0]
    this.#shapedBytes -= end - start
    const { froms, bounds } = template.written
    const seen = template.seen++
    if (froms[template.from + 1]?.row === seen) template.from++
    const isThere = bounds.memory[2 * seen] === start && bounds.memory[2 * seen + 1] === end
    return isThere && froms[template.from]?.memory === (row.from[nth] ?? row.memory)
  }

  #saysClosed(nth: number): boolean {
    const closed = this.#closed++
    const from = row.from[nth] ?? row.memory
    const key = (values[this.#closedKeysAt + closed] ?? -1) * ID_BYTES
    const digest = closed * DIGEST_BYTES
    return (
      isAt(this.#hex16, key, from, row.keyAt[nth] ?? 0, ID_BYTES) &&
      isAt(this.#digests, digest, from, digestAt(row, nth), DIGEST_BYTES)
    )
  }

  #saysBlob(nth: number): boolean {
    const blob = this.#from.blobs.take(values[this.#blobLengthsAt + this.#blobs++] ?? 0)
    const [start, end] = [row.start[nth] ?? 0, row.end[nth] ?? 0]
    const from = row.from[nth] ?? row.memory
    // These are long: one call is cheaper than a loop.
    return Buffer.compare(blob, from.subarray(start, end)) === 0
  }

  /** Column by column: the same code for thousands of values, one after the other. */
  #says({ written, columns, rows, seen }: ReadTemplate): boolean {
    if (rows !== seen || rows !== written.rows) return false
    return columns.every((column, nth) => {
      const places = written.columns[nth]
      if (places === undefined || places.mark !== column.mark) return false
      const { froms } = written
      for (let from = 0; from < froms.length; from++) {
        const first = froms[from]?.row ?? rows
        const end = froms[from + 1]?.row ?? rows
        const memory = froms[from]?.memory ?? NOTHING
        if (!this.#saysColumn(column, places, memory, first, end)) return false
      }
      return true
    })
  }

  #saysColumn(
    { mark, at, bytes, starts }: ReadColumn,
    places: Column,
    memory: Uint8Array,
    first: number,
    end: number,
  ): boolean {
    switch (mark) {
      case MARKS.text:
        return saysTexts({ at, bytes, starts }, places, memory, first, end)
      case MARKS.integer:
        return saysIntegers(at, places, memory, first, end)
      case MARKS.time:
        return saysTimes(at, places, memory, first, end)
      case MARKS.uuid:
        return saysUuids(this.#uuids, at, places, memory, first, end)
      case MARKS.hex8:
        return saysHex({ pool: bytes, at: -1, length: HEX8_BYTES }, places, memory, first, end)
      case MARKS.hex16:
        return saysHex({ pool: this.#hex16, at, length: ID_BYTES }, places, memory, first, end)
      case MARKS.hex32:
        return saysHex({ pool: this.#hex32, at, length: DIGEST_BYTES }, places, memory, first, end)
      default:
        return false
    }
  }
}

const NO_STARTS: readonly number[] = []

function saysTexts(
  { at, bytes, starts }: Omit<ReadColumn, 'mark'>,
  places: Column,
  memory: Uint8Array,
  first: number,
  end: number,
): boolean {
  for (let row = first; row < end; row++) {
    const value = values[at + row] ?? -1
    const start = starts[value] ?? -1
    const length = (starts[value + 1] ?? -1) - 1 - start
    const from = places.starts[row] ?? 0
    if (length !== (places.ends[row] ?? 0) - from) return false
    if (!isAt(bytes, start, memory, from, length)) return false
  }
  return true
}

function saysIntegers(
  at: number,
  places: Column,
  memory: Uint8Array,
  first: number,
  end: number,
): boolean {
  for (let row = first; row < end; row++) {
    const value = values[at + row] ?? 0
    if (endOfInteger(value, memory, places.starts[row] ?? 0) !== places.ends[row]) return false
  }
  return true
}

function saysTimes(
  at: number,
  places: Column,
  memory: Uint8Array,
  first: number,
  end: number,
): boolean {
  for (let row = first; row < end; row++) {
    const value = values[at + row] ?? -1
    const from = places.starts[row] ?? 0
    if (value < 0 || places.ends[row] !== from + TIME_BYTES) return false
    writeTime(time, 0, value)
    if (!isAt(time, 0, memory, from, TIME_BYTES)) return false
  }
  return true
}

function saysUuids(
  pool: Uint8Array,
  at: number,
  places: Column,
  memory: Uint8Array,
  first: number,
  end: number,
): boolean {
  const view = viewOf(memory)
  for (let row = first; row < end; row++) {
    const place = (values[at + row] ?? -1) * ID_BYTES
    const from = places.starts[row] ?? 0
    if (place < 0 || place >= pool.length) return false
    if (places.ends[row] !== from + UUID_CHARACTERS) return false
    if (!isUuidAt(pool, place, view, from)) return false
  }
  return true
}

/** Hexadecimal digits of a value in a pool, or, where there are no places, of each row in turn. */
function saysHex(
  { pool, at, length }: { readonly pool: Uint8Array; readonly at: number; readonly length: number },
  places: Column,
  memory: Uint8Array,
  first: number,
  end: number,
): boolean {
  const view = viewOf(memory)
  for (let row = first; row < end; row++) {
    const place = (at < 0 ? row : (values[at + row] ?? -1)) * length
    const from = places.starts[row] ?? 0
    if (place < 0 || place >= pool.length || places.ends[row] !== from + 2 * length) return false
    if (!isHexAt(pool, place, length, view, from)) return false
  }
  return true
}

function endOfInteger(value: number, from: Uint8Array, start: number): number {
  let at = start
  let rest = value
  if (rest < 0) {
    if (from[at++] !== DASH) return -1
    rest = -rest
  }
  let end = at + 1
  for (let scale = 10; scale <= rest; scale *= 10) end++
  for (let digit = end - 1; digit >= at; digit--) {
    const tenth = Math.floor(rest / 10)
    if (from[digit] !== ZERO + rest - tenth * 10) return -1
    rest = tenth
  }
  return end
}

function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && isAt(one, 0, other, 0, one.length)
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
