import { constants, type ZstdOptions, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { ByteReader, ByteWriter, malformed } from './byte-stream.ts'
import { concat } from './bytes.ts'
import { VaultError } from './errors.ts'
import { DICTIONARY_1 } from './generated/dictionary-1.ts'
import type { PackedRecord, PersonSection } from './packed-record.ts'
import { PackedRow, type RowSource } from './packed-row.ts'
import { saysRows } from './read-back.ts'
import type { Table } from './table.ts'
import { decodeTable, SECTIONS_BYTES_MAX } from './table-decoder.ts'
import type { TableEncoder, TableOptions, TableStreams } from './table-encoder.ts'

/** The layout of this file with the dictionary of the same number. */
export const LAYOUT = 1

const LEVEL = 3
/** Bytes that nobody has cut into columns come in bulk: speed counts more than the last tenth. */
const BULK_LEVEL = 1
const dictionary = Buffer.from(DICTIONARY_1, 'latin1')
const WORDS: ZstdOptions = {
  params: { [constants.ZSTD_c_compressionLevel]: LEVEL },
  dictionary,
}
const BULK: ZstdOptions = { params: { [constants.ZSTD_c_compressionLevel]: BULK_LEVEL } }
const NUMBERS: ZstdOptions = { params: { [constants.ZSTD_c_compressionLevel]: LEVEL } }
/** Number planes take a frame of their own from this size on: each costs a call and a header. */
const NUMBERS_APART_MIN = 1024
const BULK_BYTES_MIN = 32_768
/** A frame of less than this only gets longer. */
const FRAME_BYTES_MIN = 48
/** What the streams of a pack may hold together: a block of the largest payloads, and some. */
const STREAM_BYTES_MAX = SECTIONS_BYTES_MAX

/** The plaintext of a ledger pack. */
export function encodeRecords(rows: RowSource, encoder: TableEncoder): Uint8Array {
  return compress(encodeTable(rows, encoder, { hasRecordIds: true }))
}

export function decodeRecords(plain: Uint8Array): readonly PackedRecord[] {
  return recordsOf(readRecords(plain))
}

/** As `decodeRecords`, but no record is made before somebody wants it. */
export function readRecords(plain: Uint8Array): Table {
  return decode(plain, { hasRecordIds: true })
}

function recordsOf(table: Table): readonly PackedRecord[] {
  return Array.from({ length: table.rows }, (_, row) => table.record(row))
}

/** The plaintext of a person's pack; rows in ascending order of offset. */
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
  return decode(plain, { hasRecordIds: false })
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
  const first = frame(concat(...words), blobs.length < BULK_BYTES_MIN ? WORDS : BULK)
  const second = isJoined ? NOTHING : frame(numbers, NUMBERS)
  head.number(first.length)
  head.number(second.length)
  return concat(head.bytes, first, second, raw)
}

const NOTHING = new Uint8Array(0)

/** What does not get smaller stays as it is: its length says so. */
function frame(bytes: Uint8Array, options: ZstdOptions): Uint8Array {
  if (bytes.length < FRAME_BYTES_MIN) return bytes
  const compressed = zstdCompressSync(bytes, options)
  return compressed.length < bytes.length ? compressed : bytes
}

function decode(plain: Uint8Array, options: { readonly hasRecordIds: boolean }): Table {
  try {
    return decodeTable(decompress(plain), options)
  } catch (cause) {
    if (cause instanceof VaultError) throw cause
    throw new VaultError('VAULT_MALFORMED', 'columns do not decode', { cause })
  }
}

function decompress(plain: Uint8Array): TableStreams<Uint8Array> {
  const from = new ByteReader(plainView(plain))
  const lengths = Array.from({ length: 7 }, () => from.number())
  const [structure = 0, texts = 0, blobs = 0, numbers = 0, raw = 0, first = 0, second = 0] = lengths
  const bytes = structure + texts + blobs + numbers
  if (bytes > STREAM_BYTES_MAX) throw malformed(`streams of ${bytes} bytes`)
  const joined = numbers < NUMBERS_APART_MIN ? numbers : 0
  const words = new ByteReader(unframe(from.take(first), structure + texts + blobs + joined))
  const rest = from.take(second)
  const streams = {
    structure: words.take(structure),
    texts: words.take(texts),
    blobs: words.take(blobs),
    numbers: joined > 0 ? words.take(joined) : unframe(rest, numbers),
    raw: from.take(raw),
  }
  if (!from.isAtEnd) throw malformed('bytes after the last stream')
  return streams
}

function unframe(bytes: Uint8Array, length: number): Uint8Array {
  if (bytes.length === length) return bytes
  const plain = zstdDecompressSync(bytes, { dictionary, maxOutputLength: Math.max(length, 1) })
  if (plain.length !== length) throw malformed(`frame holds ${plain.length} of ${length} bytes`)
  return plainView(plain)
}

/** Pieces of a Buffer are Buffers, which cost more to make. */
function plainView({ buffer, byteOffset, byteLength }: Uint8Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength)
}
