import { Views } from '../platform/index.ts'
import { asBuffer } from './bytes.ts'
import { VaultError } from './errors.ts'
import { KEY_ID_BYTES, KEY_ROW_BYTES } from './key-row.ts'
import type { PackedRow } from './packed-row.ts'

/**
 * What the write-ahead log keeps of one record beside its leaf. Private to the gateway: sealed with
 * the segment, read by the packer, gone with the segment.
 *
 *     payload = 0xC5 || version u8 || kind u8 || sections u8 || rows u8 || record id[16]
 *               || ledger key id[16] || key row[128] … || section …
 *     section = id u8 || length u24 || 0x00 || bytes                     under the ledger's key
 *             | id u8 || length u24 || 0x01 || key id[16] || digest[32] || bytes
 */
export interface PayloadRecord {
  /** The kind's number in evidence's table. */
  readonly kind: number
  /** 16 bytes. */
  readonly recordId: Uint8Array
  /** The key of the sections that name no other. */
  readonly ledgerKeyId: Uint8Array
  /** In ascending order of id. */
  readonly sections: readonly PayloadSection[]
  /** Wrapped rows of the keys that are used for the first time. */
  readonly rows: readonly Uint8Array[]
}

export interface PayloadSection {
  readonly id: number
  readonly bytes: Uint8Array
  readonly keyId: Uint8Array
  readonly digest: Uint8Array
}

/** As read back: a section under the ledger's key has no digest, it follows from its bytes. */
export interface DecodedSection {
  readonly id: number
  readonly bytes: Uint8Array
  readonly keyId: Uint8Array
  readonly digest: Uint8Array | undefined
}

export interface DecodedPayload {
  readonly kind: number
  readonly recordId: Uint8Array
  readonly ledgerKeyId: Uint8Array
  readonly sections: readonly DecodedSection[]
  readonly rows: readonly Uint8Array[]
}

export const SECTIONS_MAX = 255
export const ROWS_MAX = 255
/** Largest section of a payload; beyond it VAULT_PAYLOAD_LIMIT. */
export const SECTION_BYTES_MAX = 0xff_ffff

const MAGIC = 0xc5
const VERSION = 1
const ID_AT = 5
const LEDGER_KEY_AT = ID_AT + 16
const HEADER_BYTES = LEDGER_KEY_AT + KEY_ID_BYTES
const SECTION_HEADER_BYTES = 5
const DIGEST_BYTES = 32
const OWN_KEY_BYTES = KEY_ID_BYTES + DIGEST_BYTES
const FIRST_BYTES = 4_096

/**
 * Writes payloads one after the other into memory of its own, without an object for anything: for
 * who writes many.
 */
export class PayloadWriter {
  #bytes = new Uint8Array(FIRST_BYTES)
  #views = new Views(this.#bytes)
  #at = 0
  #count = 0

  begin(kind: number, recordId: Uint8Array, ledgerKeyId: Uint8Array): void {
    const bytes = this.#bytes
    bytes[0] = MAGIC
    bytes[1] = VERSION
    bytes[2] = kind
    bytes[4] = 0
    setId(bytes, ID_AT, recordId)
    setId(bytes, LEDGER_KEY_AT, ledgerKeyId)
    this.#at = HEADER_BYTES
    this.#count = 0
  }

  /** Wrapped rows of keys; before any section. */
  rows(rows: readonly Uint8Array[]): void {
    if (rows.length > ROWS_MAX) throw limit(`payload of ${rows.length} rows`)
    this.#reserve(rows.length * KEY_ROW_BYTES)
    this.#bytes[4] = rows.length
    for (const row of rows) {
      this.#bytes.set(row, this.#at)
      this.#at += KEY_ROW_BYTES
    }
  }

  /** The next section, under the ledger's key. */
  section(id: number, bytes: Uint8Array): void {
    this.#head(id, bytes.length, 0)
    this.#body(bytes)
  }

  /** As `section`, under a key of its own. Returns where its digest goes. */
  ownSection(id: number, keyId: Uint8Array, bytes: Uint8Array): number {
    this.#head(id, bytes.length, 1)
    setId(this.#bytes, this.#at, keyId)
    const digestAt = this.#at + KEY_ID_BYTES
    this.#at += OWN_KEY_BYTES
    this.#body(bytes)
    return digestAt
  }

  /** The memory that is written to; the next section may move it. */
  get memory(): Uint8Array {
    return this.#bytes
  }

  /** A view that lasts until the next payload begins. */
  finish(): Uint8Array {
    this.#bytes[3] = this.#count
    return this.#views.upTo(this.#at)
  }

  #head(id: number, length: number, own: 0 | 1): void {
    if (length > SECTION_BYTES_MAX) throw limit(`section ${id} has ${length} bytes`)
    if (this.#count === SECTIONS_MAX) throw limit(`payload of more than ${SECTIONS_MAX} sections`)
    this.#count++
    this.#reserve(SECTION_HEADER_BYTES + own * OWN_KEY_BYTES + length)
    const at = this.#at
    this.#bytes[at] = id
    this.#bytes[at + 1] = length >>> 16
    this.#bytes[at + 2] = length >>> 8
    this.#bytes[at + 3] = length
    this.#bytes[at + 4] = own
    this.#at = at + SECTION_HEADER_BYTES
  }

  #body(bytes: Uint8Array): void {
    this.#bytes.set(bytes, this.#at)
    this.#at += bytes.length
  }

  #reserve(bytes: number): void {
    if (this.#at + bytes <= this.#bytes.length) return
    const grown = new Uint8Array(Math.max(2 * this.#bytes.length, this.#at + bytes))
    grown.set(this.#bytes.subarray(0, this.#at))
    this.#bytes = grown
    this.#views = new Views(grown)
  }
}

/** Of 16 bytes: for so few the runtime's own copy costs more. */
function setId(into: Uint8Array, at: number, id: Uint8Array): void {
  for (let byte = 0; byte < KEY_ID_BYTES; byte++) into[at + byte] = id[byte] ?? 0
}

function limit(message: string): VaultError {
  return new VaultError('VAULT_PAYLOAD_LIMIT', message)
}

const writer = new PayloadWriter()

/** One payload, in memory of its own. */
export function encodePayload(record: PayloadRecord): Uint8Array {
  const { kind, recordId, ledgerKeyId, sections, rows } = record
  writer.begin(kind, recordId, ledgerKeyId)
  writer.rows(rows)
  for (const { id, bytes, keyId, digest } of sections) {
    if (isSame(keyId, ledgerKeyId)) writer.section(id, bytes)
    else writer.memory.set(digest, writer.ownSection(id, keyId, bytes))
  }
  return writer.finish().slice()
}

// Mostly the very same object.
function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return one === other || asBuffer(one).equals(other)
}

/** Views into `bytes`; undefined when they are not a payload of this version: an opaque one. */
export function decodePayload(bytes: Uint8Array): DecodedPayload | undefined {
  if (bytes.length < HEADER_BYTES || bytes[0] !== MAGIC || bytes[1] !== VERSION) return undefined
  const [, , kind = 0, sectionCount = 0, rowCount = 0] = bytes
  const rowsEnd = HEADER_BYTES + rowCount * KEY_ROW_BYTES
  const ledgerKeyId = bytes.subarray(LEDGER_KEY_AT, HEADER_BYTES)
  const sections = readSections(bytes, rowsEnd, sectionCount, ledgerKeyId)
  if (sections === undefined) return undefined
  return {
    kind,
    recordId: bytes.subarray(ID_AT, LEDGER_KEY_AT),
    ledgerKeyId,
    sections,
    rows: rowCount === 0 ? NO_ROWS : readRows(bytes, rowCount),
  }
}

const NO_ROWS: readonly Uint8Array[] = []

function readRows(bytes: Uint8Array, count: number): readonly Uint8Array[] {
  return Array.from({ length: count }, (_, row) => {
    const at = HEADER_BYTES + row * KEY_ROW_BYTES
    return bytes.subarray(at, at + KEY_ROW_BYTES)
  })
}

function readSections(
  bytes: Uint8Array,
  start: number,
  count: number,
  ledgerKeyId: Uint8Array,
): readonly DecodedSection[] | undefined {
  const sections: DecodedSection[] = []
  let at = start
  let previous = 0
  for (let n = 0; n < count; n++) {
    if (at + SECTION_HEADER_BYTES > bytes.length) return undefined
    const id = bytes[at] ?? 0
    const length =
      (byteAt(bytes, at + 1) << 16) | (byteAt(bytes, at + 2) << 8) | byteAt(bytes, at + 3)
    const own = bytes[at + 4]
    if (id <= previous || own === undefined || own > 1) return undefined
    const bodyAt = at + SECTION_HEADER_BYTES + own * OWN_KEY_BYTES
    const keyAt = at + SECTION_HEADER_BYTES
    sections.push({
      id,
      keyId: own === 1 ? bytes.subarray(keyAt, keyAt + KEY_ID_BYTES) : ledgerKeyId,
      digest: own === 1 ? bytes.subarray(keyAt + KEY_ID_BYTES, bodyAt) : undefined,
      bytes: bytes.subarray(bodyAt, bodyAt + length),
    })
    previous = id
    at = bodyAt + length
  }
  return at === bytes.length ? sections : undefined
}

function byteAt(bytes: Uint8Array, at: number): number {
  return bytes[at] ?? 0
}

/**
 * Reads the payload from `start` to `end` of `bytes` into `row`, without an object for anything.
 * False: it is none of this version, and `row` is an opaque one.
 */
export function readPayload(
  bytes: Uint8Array,
  start: number,
  end: number,
  row: PackedRow,
): boolean {
  const isRead = end - start >= HEADER_BYTES && readFields(bytes, start, end, row)
  if (!isRead) row.setOpaque(bytes, start, end)
  return isRead
}

function readFields(bytes: Uint8Array, start: number, end: number, row: PackedRow): boolean {
  if (bytes[start] !== MAGIC || bytes[start + 1] !== VERSION) return false
  row.kind = byteAt(bytes, start + 2)
  row.count = byteAt(bytes, start + 3)
  row.memory = bytes
  row.recordIdAt = start + ID_AT
  row.ledgerKeyAt = start + LEDGER_KEY_AT
  row.isOpaque = false
  row.hasHeads = true
  let at = start + HEADER_BYTES + byteAt(bytes, start + 4) * KEY_ROW_BYTES
  let previous = 0
  for (let nth = 0; nth < row.count; nth++) {
    if (at + SECTION_HEADER_BYTES > end) return false
    const id = byteAt(bytes, at)
    const own = byteAt(bytes, at + 4)
    if (id <= previous || own > 1) return false
    const bodyAt = at + SECTION_HEADER_BYTES + own * OWN_KEY_BYTES
    const next =
      bodyAt +
      ((byteAt(bytes, at + 1) << 16) | (byteAt(bytes, at + 2) << 8) | byteAt(bytes, at + 3))
    row.put(nth, id, bytes, bodyAt, next)
    row.isClosed[nth] = own === 1
    row.keyAt[nth] = at + SECTION_HEADER_BYTES
    previous = id
    at = next
  }
  return at === end
}

/** Whether `decodePayload` may find wrapped rows of keys: few payloads bring any. */
export function bringsKeys(payload: Uint8Array): boolean {
  return byteAt(payload, 4) > 0
}

/** How many wrapped rows of keys a payload brings that `readPayload` read. */
export function keyRowCount(bytes: Uint8Array, start: number): number {
  return byteAt(bytes, start + 4)
}

export function keyRowAt(bytes: Uint8Array, start: number, nth: number): Uint8Array {
  const at = start + HEADER_BYTES + nth * KEY_ROW_BYTES
  return bytes.subarray(at, at + KEY_ROW_BYTES)
}
