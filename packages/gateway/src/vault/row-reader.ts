import { ByteReader, malformed } from './byte-stream.ts'
import { mapKey } from './bytes.ts'
import { type Cut, readCut } from './frames.ts'
import { VALUES_MAX } from './integer-column.ts'
import { SECTION_HEAD_BYTES } from './packed-row.ts'
import { Pool } from './pool.ts'
import { type Form, Table } from './table.ts'
import { ROWS_MAX, SECTIONS_BYTES_MAX } from './table-decoder.ts'
import { CLOSED, OPAQUE_SECTIONS, WHOLE } from './table-encoder.ts'
import { readUuidAt, UUID_CHARACTERS, viewOf } from './words.ts'

/** The layout of this file. */
export const PLAIN_LAYOUT = 2
/** The record's id stands apart: its first section does not say it. */
export const NO_PLACE = 0
/** Of a section that is sealed elsewhere. */
export const CLOSED_STATE = 1

const ID_BYTES = 16
const DIGEST_BYTES = 32
/** Forms that a row is held against before its own is looked up. */
const EARLY_FORMS = 8
/** Forms that are remembered from pack to pack. */
const FORMS_MAX = 1024
const FIRST_BLOBS = 256

/** The parts of a pack of this layout. */
interface PlainParts {
  readonly count: number
  readonly frame: Uint8Array
  readonly frameBytes: number
  readonly ids: Uint8Array
  readonly digests: Uint8Array
}

/** Its parts, none of them longer than it may be; VAULT_MALFORMED. */
export function partsOf(plain: Uint8Array): PlainParts {
  const from = new ByteReader(plain)
  const count = from.number()
  const frameBytes = from.number()
  const ids = from.number()
  const frame = from.take(from.number())
  if (count > ROWS_MAX) throw malformed(`${count} rows`)
  if (frameBytes > SECTIONS_BYTES_MAX) throw malformed(`rows of ${frameBytes} bytes`)
  return { count, frame, frameBytes, ids: from.take(ids), digests: from.rest() }
}

/** What a pack of this layout says, before its frame is taken apart. */
export function cutRows(plain: Uint8Array, options: { readonly hasRecordIds: boolean }): Cut {
  const { frame, frameBytes, ...parts } = partsOf(plain)
  const head = { ...parts, ...options }
  return { frame, frameBytes, read: (rows) => new RowReader(rows, head).table() }
}

export function readRows(plain: Uint8Array, options: { readonly hasRecordIds: boolean }): Table {
  return readCut(() => cutRows(plain, options))
}

interface Head {
  readonly count: number
  readonly ids: Uint8Array
  readonly digests: Uint8Array
  readonly hasRecordIds: boolean
}

class RowReader {
  readonly #bytes: Uint8Array
  readonly #head: Head
  readonly #forms: Form[] = []
  readonly #offsets: number[] = []
  readonly #closedKeys: number[] = []
  readonly #keys = new Pool(ID_BYTES)
  readonly #recordIds: Uint8Array
  #starts = new Int32Array(FIRST_BLOBS)
  #ends = new Int32Array(FIRST_BLOBS)
  #blobs = 0
  #idsRead = 0
  #at = 0

  constructor(bytes: Uint8Array, head: Head) {
    this.#bytes = bytes
    this.#head = head
    // A row has more bytes than one: what is cut short has no memory made for it.
    if (head.count > bytes.length) throw malformed(`${head.count} rows in ${bytes.length} bytes`)
    this.#recordIds = new Uint8Array(head.hasRecordIds ? head.count * ID_BYTES : 0)
  }

  table(): Table {
    const { count, ids, digests, hasRecordIds } = this.#head
    let next = 0
    for (let row = 0; row < count; row++) {
      next += this.#number()
      this.#offsets.push(next++)
      this.#forms.push(this.#row(row))
    }
    const isDone = this.#at === this.#bytes.length && this.#idsRead === ids.length
    if (!isDone || digests.length !== this.#closedKeys.length * DIGEST_BYTES) {
      throw malformed('bytes are left over')
    }
    const [starts, ends] = [this.#starts, this.#ends].map((all) => all.subarray(0, this.#blobs))
    return new Table({
      forms: this.#forms,
      offsets: this.#offsets,
      recordIds: hasRecordIds ? this.#offsets.map((_, row) => row) : undefined,
      shapes: [],
      pools: { uuid: this.#recordIds, hex16: this.#keys.bytes, hex32: NOTHING },
      closedKeys: this.#closedKeys,
      digests,
      blobs: { memory: this.#bytes, starts: starts ?? NONE, ends: ends ?? NONE },
      shapedBytes: 0,
    })
  }

  #row(row: number): Form {
    const kind = this.#byte()
    const count = this.#byte()
    const isOpaque = count === OPAQUE_SECTIONS
    const place = this.#head.hasRecordIds && !isOpaque ? this.#byte() : NO_PLACE
    const first = this.#blobs
    const read = isOpaque ? 1 : count
    let closed = 0
    for (let nth = 0; nth < read; nth++) {
      const isClosed = this.#section()
      pattern[2 * nth + 2] = id
      pattern[2 * nth + 3] = isClosed ? CLOSED : WHOLE
      if (isClosed) closed++
    }
    if (isOpaque && (closed > 0 || id !== 0)) throw malformed('a payload is no section')
    const isFirstOpen = count > 0 && pattern[3] === WHOLE
    if (place !== NO_PLACE) this.#idFrom(row, place, isFirstOpen ? first : this.#blobs)
    else if (this.#head.hasRecordIds && !isOpaque) this.#nextId(row)
    pattern[0] = kind
    pattern[1] = count
    return formOf(2 * (isOpaque ? 0 : count) + 2)
  }

  /** Leaves its id in `id`; true: it is sealed elsewhere. */
  #section(): boolean {
    const [bytes, at] = [this.#bytes, this.#at]
    const start = at + SECTION_HEAD_BYTES
    if (start > bytes.length) throw malformed('a section is cut short')
    id = bytes[at] ?? 0
    const length = ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0)
    const state = bytes[at + 4]
    const isClosed = state === CLOSED_STATE
    this.#at = start + (isClosed ? ID_BYTES : length)
    const isKnown = state === 0 || (isClosed && length === 0)
    if (!isKnown || this.#at > bytes.length) throw malformed('a section is cut short')
    if (this.#blobs + this.#closedKeys.length >= VALUES_MAX) throw malformed('too many sections')
    if (isClosed) this.#closedKeys.push(this.#keys.place(bytes, start))
    else this.#addBlob(start, this.#at)
    return isClosed
  }

  #addBlob(start: number, end: number): void {
    if (this.#blobs === this.#starts.length) {
      this.#starts = grown(this.#starts)
      this.#ends = grown(this.#ends)
    }
    this.#starts[this.#blobs] = start
    this.#ends[this.#blobs++] = end
  }

  /** The record's id as its first section says it, which is this blob. */
  #idFrom(row: number, place: number, blob: number): void {
    const start = (this.#starts[blob] ?? 0) + place
    const isThere = blob < this.#blobs && start + UUID_CHARACTERS <= (this.#ends[blob] ?? 0)
    if (isThere && readUuidAt(viewOf(this.#bytes), start, this.#recordIds, row * ID_BYTES)) return
    throw malformed('a record does not say its id')
  }

  #nextId(row: number): void {
    const { ids } = this.#head
    const from = this.#idsRead
    this.#idsRead += ID_BYTES
    if (this.#idsRead > ids.length) throw malformed('an id is missing')
    for (let at = 0; at < ID_BYTES; at++) {
      this.#recordIds[row * ID_BYTES + at] = ids[from + at] ?? 0
    }
  }

  #byte(): number {
    const byte = this.#bytes[this.#at++]
    if (byte === undefined) throw malformed('bytes are missing')
    return byte
  }

  #number(): number {
    let value = 0
    for (let scale = 1; scale < NUMBER_MAX; scale *= 0x80) {
      const byte = this.#byte()
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return value
    }
    throw malformed('number is too large')
  }
}

const NOTHING = new Uint8Array(0)
const NONE = new Int32Array(0)
/** Offsets are far below. */
const NUMBER_MAX = 0x80 ** 5
/** The section that was read last. */
let id = 0
/** The form in hand: kind, count, and of each section its id and template. */
const pattern = new Uint8Array(2 + 2 * 256)

/** A form, as the bytes it is recognised by. */
interface KnownForm extends Form {
  readonly pattern: Uint8Array
}

let known = new Map<string, KnownForm>()
/** Packs have few forms, and have them in common. */
const early: KnownForm[] = []

function formOf(length: number): Form {
  for (let nth = 0; nth < early.length; nth++) {
    const form = early[nth]
    if (form !== undefined && isPattern(form.pattern, length)) return form
  }
  const key = mapKey(pattern, 0, length)
  const form = known.get(key) ?? newForm(length)
  if (known.size >= FORMS_MAX) known = new Map()
  known.set(key, form)
  early.unshift(form)
  early.length = Math.min(early.length, EARLY_FORMS)
  return form
}

function newForm(length: number): KnownForm {
  const own = pattern.slice(0, length)
  const [kind = 0, count = 0] = own
  const sections = Array.from({ length: length / 2 - 1 }, (_, nth) => {
    return { id: own[2 * nth + 2] ?? 0, template: own[2 * nth + 3] ?? 0 }
  })
  return { kind, isOpaque: count === OPAQUE_SECTIONS, sections, pattern: own }
}

function isPattern(other: Uint8Array, length: number): boolean {
  if (other.length !== length) return false
  for (let at = 0; at < length; at++) if (other[at] !== pattern[at]) return false
  return true
}

function grown(numbers: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> {
  const more = new Int32Array(2 * numbers.length)
  more.set(numbers)
  return more
}
