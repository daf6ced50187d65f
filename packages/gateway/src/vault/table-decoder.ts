import { ByteReader, malformed } from './byte-stream.ts'
import { readIntegers, VALUES_MAX } from './integer-column.ts'
import { MARK_MAX, MARKS } from './json-scan.ts'
import {
  type Blobs,
  type Form,
  ID_BYTES,
  type Shape,
  type ShapeColumn,
  Table,
  type TablePools,
} from './table.ts'
import { TEXT_END } from './table-columns.ts'
import { CLOSED, OPAQUE_SECTIONS, type TableStreams, UUID_PLANES, WHOLE } from './table-encoder.ts'
import {
  HexPiece,
  IntegerPiece,
  type Piece,
  StaticPiece,
  TextPiece,
  TimePiece,
  UuidPiece,
} from './template-renderer.ts'
import { Texts } from './texts.ts'

const DIGEST_BYTES = 32
const HEX8_BYTES = 8
/** No value but a text takes more. */
const VALUE_BYTES_MAX = 64
/** Entries of a segment, and some: no pack speaks of more. */
export const ROWS_MAX = 131_072
/** Sections of one pack, together. */
export const SECTIONS_BYTES_MAX: number = 288 * 1024 * 1024

/** Sections as they were, byte for byte. VAULT_MALFORMED for streams that no encoder wrote. */
export function decodeTable(
  streams: TableStreams<Uint8Array>,
  options: { readonly hasRecordIds: boolean },
): Table {
  return new TableDecoder(streams).table(options.hasRecordIds)
}

/** A template before its columns are read. */
interface Template {
  readonly skeleton: Uint8Array
  readonly marks: readonly number[]
  rows: number
}

class TableDecoder {
  readonly #from: TableStreams<ByteReader>

  constructor(streams: TableStreams<Uint8Array>) {
    this.#from = {
      structure: new ByteReader(streams.structure),
      numbers: new ByteReader(streams.numbers),
      texts: new ByteReader(streams.texts),
      raw: new ByteReader(streams.raw),
      blobs: new ByteReader(streams.blobs),
    }
  }

  table(hasRecordIds: boolean): Table {
    const { structure, raw, blobs } = this.#from
    const rowCount = atMost(ROWS_MAX, structure.number(), 'rows')
    const shapedBytes = atMost(SECTIONS_BYTES_MAX, structure.number(), 'bytes')
    const known = this.#forms(rowCount)
    const templates = this.#templates()
    const offsets = readIntegers(rowCount, this.#from)
    const forms = readIntegers(rowCount, this.#from).map((form) => at(known, form))
    const recordIds = hasRecordIds ? readIntegers(rowCount, this.#from) : undefined
    const counts = countRows(forms, templates)
    atMost(VALUES_MAX, counts.closed + counts.blobs + countValues(templates), 'values')
    const closedKeys = readIntegers(counts.closed, this.#from)
    const blobLengths = readIntegers(counts.blobs, this.#from)
    const digests = raw.take(counts.closed * DIGEST_BYTES)
    const columns = templates.map((template) => this.#columns(template))
    const pools = this.#pools()
    assertPlaces(recordIds ?? [], pools.uuid)
    assertPlaces(closedKeys, pools.hex16)
    const left = { bytes: shapedBytes }
    const shapes = templates.map((template, nth) =>
      shapeOf(template, at(columns, nth), pools, left),
    )
    const read = { forms, offsets, recordIds, shapes, pools, closedKeys, digests, shapedBytes }
    const table = new Table({ ...read, blobs: blobsOf(blobs, blobLengths) })
    const isDone = Object.values(this.#from).every((stream: ByteReader) => stream.isAtEnd)
    if (!isDone || left.bytes !== 0) throw malformed('bytes are left over')
    return table
  }

  #forms(rowCount: number): readonly Form[] {
    const { structure } = this.#from
    return repeat(atMost(rowCount, structure.number(), 'forms'), () => {
      const kind = structure.byte()
      const count = structure.byte()
      const isOpaque = count === OPAQUE_SECTIONS
      const sections = repeat(isOpaque ? 0 : count, () => {
        return { id: structure.byte(), template: structure.byte() }
      })
      return { kind, isOpaque, sections }
    })
  }

  #templates(): readonly Template[] {
    const { structure } = this.#from
    return repeat(atMost(CLOSED, structure.number(), 'templates'), () => {
      const skeleton = structure.take(structure.number())
      return { skeleton, marks: marksOf(skeleton), rows: 0 }
    })
  }

  #columns({ marks, rows }: Template): readonly ShapeColumn[] {
    return marks.map((mark) => this.#column(mark, rows))
  }

  #column(mark: number, rows: number): ShapeColumn {
    if (mark === MARKS.hex8) {
      return { mark, values: [], bytes: this.#from.raw.take(rows * HEX8_BYTES) }
    }
    if (mark !== MARKS.text) return { mark, values: readIntegers(rows, this.#from) }
    const count = atMost(rows, this.#from.structure.number(), 'texts')
    const values = readIntegers(rows, this.#from)
    return { mark, values, texts: new Texts(this.#from.texts, count, TEXT_END) }
  }

  #pools(): TablePools {
    const { structure, numbers, raw } = this.#from
    const uuids = atMost(VALUES_MAX, structure.number(), 'identifiers')
    const hex16 = structure.number() * ID_BYTES
    const hex32 = structure.number() * DIGEST_BYTES
    const uuid = new Uint8Array(uuids * ID_BYTES)
    for (let plane = 0; plane < UUID_PLANES; plane++) {
      const bytes = numbers.take(uuids)
      for (let row = 0; row < uuids; row++) uuid[row * ID_BYTES + plane] = bytes[row] ?? 0
    }
    for (let row = 0; row < uuids; row++) {
      uuid.set(raw.take(ID_BYTES - UUID_PLANES), row * ID_BYTES + UUID_PLANES)
    }
    return { uuid, hex16: raw.take(hex16), hex32: raw.take(hex32) }
  }
}

function blobsOf(from: ByteReader, lengths: readonly number[]): Blobs {
  const starts = new Int32Array(lengths.length)
  const ends = new Int32Array(lengths.length)
  let end = 0
  for (const [nth, length] of lengths.entries()) {
    if (length < 0) throw malformed(`blob of ${length} bytes`)
    starts[nth] = end
    end = atMost(SECTIONS_BYTES_MAX, end + length, 'bytes of blobs')
    ends[nth] = end
  }
  return { memory: from.take(end), starts, ends }
}

function countRows(
  rows: readonly Form[],
  templates: readonly Template[],
): { readonly closed: number; readonly blobs: number } {
  let closed = 0
  let blobs = 0
  for (const { sections, isOpaque } of rows) {
    if (isOpaque) blobs++
    for (const { template } of sections) {
      if (template === WHOLE) blobs++
      else if (template === CLOSED) closed++
      else at(templates, template - 1).rows++
    }
  }
  return { closed, blobs }
}

function countValues(templates: readonly Template[]): number {
  return templates.reduce((sum, { marks, rows }) => sum + marks.length * rows, 0)
}

function marksOf(skeleton: Uint8Array): readonly number[] {
  const marks: number[] = []
  for (let at = 0; at < skeleton.length; at++) {
    const byte = skeleton[at] ?? 0
    if (byte <= MARK_MAX) marks.push(byte)
  }
  return marks
}

/** Takes from `left` what its rows have in bytes: none is written that there is no room for. */
function shapeOf(
  { skeleton, rows }: Template,
  columns: readonly ShapeColumn[],
  pools: TablePools,
  left: { bytes: number },
): Shape {
  const pieces = piecesOf(skeleton, columns, pools, left.bytes)
  let bytesMax = 0
  for (const piece of rows === 0 ? [] : pieces) {
    let [longest, sum] = [piece.bytesEach ?? 0, (piece.bytesEach ?? 0) * rows]
    for (let row = 0; piece.bytesEach === undefined && row < rows; row++) {
      const bytes = piece.bytes(row)
      if (bytes > longest) longest = bytes
      sum += bytes
    }
    bytesMax += longest
    left.bytes -= sum
  }
  if (left.bytes < 0) throw malformed('sections are longer than they say')
  return { skeleton, columns, pieces, rows, bytesMax, writer: undefined }
}

/** What is the same in every row becomes part of what surrounds it. */
function piecesOf(
  skeleton: Uint8Array,
  columns: readonly ShapeColumn[],
  pools: TablePools,
  bytesMax: number,
): readonly Piece[] {
  const pieces: Piece[] = []
  const flush = (length: number): void => {
    if (length > 0) pieces.push(new StaticPiece(fixed.slice(0, length)))
  }
  let length = 0
  let column = 0
  for (let at = 0; at < skeleton.length; at++) {
    const byte = skeleton[at] ?? 0
    const read = byte > MARK_MAX ? undefined : columns[column++]
    if (read === undefined) {
      reserve(length, 1)
      fixed[length++] = byte
      continue
    }
    const piece = pieceOf(read, pools)
    if (isConstant(read)) {
      reserve(length, Math.max(read.texts?.length(0) ?? 0, VALUE_BYTES_MAX))
      length = piece.write(fixed, length, 0)
      atMost(bytesMax, length, 'bytes of one section')
    } else {
      flush(length)
      length = 0
      pieces.push(piece)
    }
  }
  flush(length)
  return pieces
}

// What is fixed of one shape; overwritten by the next.
let fixed = new Uint8Array(4_096)

function reserve(length: number, more: number): void {
  if (length + more <= fixed.length) return
  const grown = new Uint8Array(Math.max(2 * fixed.length, length + more))
  grown.set(fixed)
  fixed = grown
}

function isConstant({ values, texts }: ShapeColumn): boolean {
  if (values.length === 0) return false
  if (texts !== undefined) return texts.count === 1
  for (let row = 1; row < values.length; row++) if (values[row] !== values[0]) return false
  return true
}

function pieceOf({ mark, values, texts, bytes }: ShapeColumn, pools: TablePools): Piece {
  if (texts !== undefined) return new TextPiece(texts, values)
  if (mark === MARKS.integer) return new IntegerPiece(values)
  if (mark === MARKS.time) return new TimePiece(values)
  if (mark === MARKS.uuid) return new UuidPiece(pools.uuid, inPool(pools.uuid, ID_BYTES, values))
  if (mark === MARKS.hex16) return pooled(pools.hex16, ID_BYTES, values)
  if (mark === MARKS.hex32) return pooled(pools.hex32, DIGEST_BYTES, values)
  if (bytes !== undefined) return new HexPiece(bytes, { length: HEX8_BYTES })
  throw malformed(`unknown mark ${mark}`)
}

function pooled(pool: Uint8Array, length: number, places: readonly number[]): Piece {
  return new HexPiece(pool, { length, places: inPool(pool, length, places) })
}

function inPool(pool: Uint8Array, length: number, places: readonly number[]): readonly number[] {
  for (const place of places) {
    if (place < 0 || place * length >= pool.length) throw malformed(`pool has no value ${place}`)
  }
  return places
}

function assertPlaces(places: readonly number[], pool: Uint8Array): void {
  for (const place of places) {
    if (place < 0 || (place + 1) * ID_BYTES > pool.length) {
      throw malformed(`pool has no value ${place}`)
    }
  }
}

/** A few bytes may claim any number of things: none is made before it is known to be possible. */
function atMost(limit: number, count: number, what: string): number {
  if (count <= limit) return count
  throw malformed(`${count} ${what}, more than ${limit}`)
}

function at<Value>(values: readonly Value[], place: number): Value {
  const value = values[place]
  if (value === undefined) throw malformed(`nothing at ${place} of ${values.length}`)
  return value
}

function repeat<Value>(count: number, make: () => Value): Value[] {
  const values: Value[] = []
  for (let done = 0; done < count; done++) values.push(make())
  return values
}
