import { ByteReader, ByteWriter, malformed } from './byte-stream.ts'
import {
  BULK,
  BULK_BYTES_MIN,
  type Cut,
  frame,
  NUMBERS,
  plainView,
  readCut,
  unframe,
  WORDS,
} from './frames.ts'
import { JoinedBytes } from './joined-bytes.ts'
import type { PackedRecord, PersonSection } from './packed-record.ts'
import { PackedRow, type RowSource } from './packed-row.ts'
import { saysRows } from './read-back.ts'
import type { Table } from './table.ts'
import { decodeTable, SECTIONS_BYTES_MAX } from './table-decoder.ts'
import type { TableEncoder, TableOptions, TableStreams } from './table-encoder.ts'

/** The layout of this file with the dictionary of the same number. */
export const LAYOUT = 1

/** Number planes take a frame of their own from this size on: each costs a call and a header. */
const NUMBERS_APART_MIN = 1024
/** What the streams of a pack may hold together: a block of the largest payloads, and some. */
const STREAM_BYTES_MAX = SECTIONS_BYTES_MAX

export interface ColumnsOptions {
  /** Persons' packs have none: their ledger pack has them. */
  readonly hasRecordIds: boolean
}

/** The plaintext of a ledger pack; it lasts until the next pack is encoded. */
export function encodeRecords(rows: RowSource, encoder: TableEncoder): Uint8Array {
  return compress(encodeTable(rows, encoder, { hasRecordIds: true }))
}

export function decodeRecords(plain: Uint8Array): readonly PackedRecord[] {
  return recordsOf(readRecords(plain))
}

/** As `decodeRecords`, but no record is made before somebody wants it. */
export function readRecords(plain: Uint8Array): Table {
  return readCut(() => cutColumns(plain, { hasRecordIds: true }))
}

function recordsOf(table: Table): readonly PackedRecord[] {
  return Array.from({ length: table.rows }, (_, row) => table.record(row))
}

/** The plaintext of a person's pack, as long as that; rows in ascending order of offset. */
export function encodePersons(rows: RowSource, encoder: TableEncoder): Uint8Array {
  return compress(encodeTable(rows, encoder, { hasRecordIds: false }))
}

export function decodePersons(plain: Uint8Array): readonly PersonSection[] {
  return recordsOf(readPersons(plain)).flatMap(({ offset, sections }) =>
    sections.flatMap((section) => ('bytes' in section ? [{ offset, ...section }] : [])),
  )
}

/** As `decodePersons`, but no section is written before somebody wants it. */
export function readPersons(plain: Uint8Array): Table {
  return readCut(() => cutColumns(plain, { hasRecordIds: false }))
}

/** Nothing is sealed that does not read back byte for byte: then sections are stored whole. */
function encodeTable(
  rows: RowSource,
  encoder: TableEncoder,
  options: { readonly hasRecordIds: boolean },
): TableStreams<Uint8Array> {
  const streams = tableOf(rows, encoder, { ...options, isWhole: false })
  if (saysRows(streams, rows, encoder)) return streams
  const whole = tableOf(rows, encoder, { ...options, isWhole: true })
  if (saysRows(whole, rows, encoder)) return whole
  throw malformed('records do not read back')
}

const row = new PackedRow()

function tableOf(
  rows: RowSource,
  encoder: TableEncoder,
  options: TableOptions,
): TableStreams<Uint8Array> {
  encoder.begin(options)
  for (let nth = 0; nth < rows.count; nth++) {
    rows.read(nth, row)
    encoder.add(row)
  }
  return encoder.finish()
}

/**
 *     plain = lengths of structure, texts, blobs, numbers, raw || lengths of both frames
 *             || frame(structure || texts || blobs) || frame(numbers) || raw
 *
 * Few numbers stand at the end of the first frame, and the second has no bytes.
 */
function compress({ structure, texts, blobs, numbers, raw }: TableStreams<Uint8Array>): Uint8Array {
  const head = new ByteWriter(32)
  for (const { length } of [structure, texts, blobs, numbers, raw]) head.number(length)
  const isJoined = numbers.length < NUMBERS_APART_MIN
  const words = isJoined ? [structure, texts, blobs, numbers] : [structure, texts, blobs]
  const first = frame(joinedWords.join(words), blobs.length < BULK_BYTES_MIN ? WORDS : BULK)
  const second = isJoined ? NOTHING : frame(numbers, NUMBERS)
  head.number(first.length)
  head.number(second.length)
  return joinedPlain.join([head.bytes, first, second, raw])
}

const joinedWords = new JoinedBytes()
const joinedPlain = new JoinedBytes()
const NOTHING = new Uint8Array(0)

/** What a pack of this layout says, before its first frame is taken apart. */
export function cutColumns(plain: Uint8Array, options: ColumnsOptions): Cut {
  const packed = packedOf(plain)
  return {
    frame: packed.first,
    frameBytes: packed.wordBytes,
    read: (words) => tableFrom(packed, words, options),
  }
}

/** A plaintext cut into its parts, no frame of which is taken apart yet. */
interface Packed {
  readonly lengths: Readonly<Record<keyof TableStreams<unknown>, number>>
  /** What the first frame holds. */
  readonly wordBytes: number
  readonly first: Uint8Array
  readonly second: Uint8Array
  readonly raw: Uint8Array
}

function packedOf(plain: Uint8Array): Packed {
  const from = new ByteReader(plainView(plain))
  const structure = from.number()
  const texts = from.number()
  const blobs = from.number()
  const numbers = from.number()
  const raw = from.number()
  const firstBytes = from.number()
  const secondBytes = from.number()
  const bytes = structure + texts + blobs + numbers
  if (bytes > STREAM_BYTES_MAX) throw malformed(`streams of ${bytes} bytes`)
  const packed = {
    lengths: { structure, texts, blobs, numbers, raw },
    wordBytes: numbers < NUMBERS_APART_MIN ? bytes : bytes - numbers,
    first: from.take(firstBytes),
    second: from.take(secondBytes),
    raw: from.take(raw),
  }
  const isJoined = numbers < NUMBERS_APART_MIN
  if (!from.isAtEnd || (isJoined && secondBytes > 0)) throw malformed('bytes are left over')
  return packed
}

/** `first`: what the first frame holds. */
function tableFrom(
  { lengths, second, raw }: Packed,
  first: Uint8Array,
  options: ColumnsOptions,
): Table {
  const words = new ByteReader(first)
  const { structure, texts, blobs, numbers } = lengths
  const isJoined = numbers < NUMBERS_APART_MIN
  const streams = {
    structure: words.take(structure),
    texts: words.take(texts),
    blobs: words.take(blobs),
    numbers: isJoined ? words.take(numbers) : unframe(second, numbers),
    raw,
  }
  return decodeTable(streams, options)
}
