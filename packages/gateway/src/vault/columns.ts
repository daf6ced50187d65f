import { constants, zstdDecompressSync } from 'node:zlib'
import { ByteReader, ByteWriter, malformed } from './byte-stream.ts'
import { concat } from './bytes.ts'
import { VaultError } from './errors.ts'
import { FrameWriter } from './frame-writer.ts'
import { DICTIONARY_1 } from './generated/dictionary-1.ts'
import { JoinedBytes } from './joined-bytes.ts'
import type { PackedRecord, PersonSection } from './packed-record.ts'
import { PackedRow, type RowSource } from './packed-row.ts'
import { saysRows } from './read-back.ts'
import type { Table } from './table.ts'
import { decodeTable, SECTIONS_BYTES_MAX } from './table-decoder.ts'
import type { TableEncoder, TableOptions, TableStreams } from './table-encoder.ts'
import { isFrameOf } from './zstd-frame.ts'

/** The layout of this file with the dictionary of the same number. */
export const LAYOUT = 1

const LEVEL = 3
/** Bytes that nobody has cut into columns come in bulk: speed counts more than the last tenth. */
const BULK_LEVEL = 1
const dictionary = Buffer.from(DICTIONARY_1, 'latin1')
const WORDS = new FrameWriter({
  params: { [constants.ZSTD_c_compressionLevel]: LEVEL },
  dictionary,
})
const BULK = new FrameWriter({ params: { [constants.ZSTD_c_compressionLevel]: BULK_LEVEL } })
const NUMBERS = new FrameWriter({ params: { [constants.ZSTD_c_compressionLevel]: LEVEL } })
/** Number planes take a frame of their own from this size on: each costs a call and a header. */
const NUMBERS_APART_MIN = 1024
const BULK_BYTES_MIN = 32_768
/** A frame of less than this only gets longer. */
const FRAME_BYTES_MIN = 48
/** Memory that the decoder asks for at once: no less than it takes, nothing that it must fill. */
const [CHUNK_BYTES_MIN, CHUNK_BYTES_MAX] = [64, 1_048_576]
/** Frames of more are taken apart one by one. */
const SMALL_BYTES_MAX = 65_536
/** What the streams of a pack may hold together: a block of the largest payloads, and some. */
const STREAM_BYTES_MAX = SECTIONS_BYTES_MAX

/** The plaintext of a ledger pack; it lasts until the next pack is encoded. */
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
  return decode(plain, { hasRecordIds: false })
}

/**
 * As `readPersons` of each, but their frames are taken apart at once: of a small one, to begin is
 * most of the work. Undefined where nothing is concluded: `readPersons` finds out.
 */
export function readManyPersons(plains: readonly Uint8Array[]): readonly (Table | undefined)[] {
  const all = plains.map((plain) => answerOf(() => packedOf(plain)))
  const words = wordsOf(all.filter((packed) => packed !== undefined))
  return all.map((packed) => {
    const own = packed === undefined ? undefined : words.get(packed)
    if (packed === undefined || own === undefined) return undefined
    return answerOf(() => tableFrom(packed, own, { hasRecordIds: false }))
  })
}

function wordsOf(all: readonly Packed[]): ReadonlyMap<Packed, Uint8Array> {
  const words = new Map<Packed, Uint8Array>()
  const framed: Packed[] = []
  let length = 0
  for (const packed of all) {
    const { first, wordBytes } = packed
    if (first.length === wordBytes) words.set(packed, first)
    else if (wordBytes <= SMALL_BYTES_MAX && isFrameOf(first, wordBytes)) {
      framed.push(packed)
      length += wordBytes
    }
  }
  const plain = answerOf(() => takeApart(concat(...framed.map(({ first }) => first)), length))
  if (plain === undefined) {
    // One of them is broken; or the runtime reads one frame a call, as Node 24 does.
    for (const packed of framed) {
      const own = answerOf(() => takeApart(packed.first, packed.wordBytes))
      if (own !== undefined) words.set(packed, own)
    }
    return words
  }
  let at = 0
  for (const packed of framed) {
    words.set(packed, plainView(plain.subarray(at, at + packed.wordBytes)))
    at += packed.wordBytes
  }
  return words
}

function answerOf<Value>(run: () => Value): Value | undefined {
  try {
    return guarded(run)
  } catch (error) {
    if (error instanceof VaultError) return undefined
    throw error
  }
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

/** What does not get smaller stays as it is: its length says so. */
function frame(bytes: Uint8Array, writer: FrameWriter): Uint8Array {
  if (bytes.length < FRAME_BYTES_MIN) return bytes
  const compressed = writer.frame(bytes)
  return compressed.length < bytes.length ? compressed : bytes
}

function decode(plain: Uint8Array, options: { readonly hasRecordIds: boolean }): Table {
  return guarded(() => {
    const packed = packedOf(plain)
    return tableFrom(packed, unframe(packed.first, packed.wordBytes), options)
  })
}

function guarded<Value>(run: () => Value): Value {
  try {
    return run()
  } catch (cause) {
    if (cause instanceof VaultError) throw cause
    throw new VaultError('VAULT_MALFORMED', 'columns do not decode', { cause })
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
  options: { readonly hasRecordIds: boolean },
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

function unframe(bytes: Uint8Array, length: number): Uint8Array {
  return bytes.length === length ? bytes : takeApart(bytes, length)
}

/** What one frame, or several in a row, hold. */
function takeApart(frames: Uint8Array, length: number): Uint8Array {
  const chunkSize = Math.min(Math.max(length, CHUNK_BYTES_MIN), CHUNK_BYTES_MAX)
  const options = { dictionary, maxOutputLength: Math.max(length, 1), chunkSize }
  const plain = frames.length === 0 ? NOTHING : zstdDecompressSync(frames, options)
  if (plain.length !== length) throw malformed(`frame holds ${plain.length} of ${length} bytes`)
  return plainView(plain)
}

/** Pieces of a Buffer are Buffers, which cost more to make. */
function plainView({ buffer, byteOffset, byteLength }: Uint8Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength)
}
