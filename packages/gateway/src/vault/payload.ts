import { asBuffer } from './bytes.ts'
import { VaultError } from './errors.ts'
import { KEY_ID_BYTES, KEY_ROW_BYTES } from './key-row.ts'

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

export function encodePayload(record: PayloadRecord): Uint8Array {
  const { sections, rows, ledgerKeyId } = record
  if (sections.length > SECTIONS_MAX || rows.length > ROWS_MAX) {
    const found = `${sections.length} sections and ${rows.length} rows`
    throw new VaultError('VAULT_PAYLOAD_LIMIT', `payload of ${found}`)
  }
  const bytes = Buffer.allocUnsafe(payloadBytes(record))
  bytes[0] = MAGIC
  bytes[1] = VERSION
  bytes[2] = record.kind
  bytes[3] = sections.length
  bytes[4] = rows.length
  bytes.set(record.recordId, ID_AT)
  bytes.set(ledgerKeyId, LEDGER_KEY_AT)
  let at = HEADER_BYTES
  for (const row of rows) {
    bytes.set(row, at)
    at += KEY_ROW_BYTES
  }
  for (const section of sections) at = writeSection(bytes, at, section, ledgerKeyId)
  return bytes
}

function payloadBytes({ sections, rows, ledgerKeyId }: PayloadRecord): number {
  let total = HEADER_BYTES + rows.length * KEY_ROW_BYTES
  for (const { id, bytes, keyId } of sections) {
    if (bytes.length > SECTION_BYTES_MAX) {
      throw new VaultError('VAULT_PAYLOAD_LIMIT', `section ${id} has ${bytes.length} bytes`)
    }
    total += SECTION_HEADER_BYTES + bytes.length
    if (!isSame(keyId, ledgerKeyId)) total += OWN_KEY_BYTES
  }
  return total
}

function writeSection(
  into: Buffer,
  start: number,
  section: PayloadSection,
  ledgerKeyId: Uint8Array,
): number {
  const own = !isSame(section.keyId, ledgerKeyId)
  let at = start
  into[at] = section.id
  const { length } = section.bytes
  into[at + 1] = length >>> 16
  into[at + 2] = length >>> 8
  into[at + 3] = length
  into[at + 4] = own ? 1 : 0
  at += SECTION_HEADER_BYTES
  if (own) {
    into.set(section.keyId, at)
    into.set(section.digest, at + KEY_ID_BYTES)
    at += OWN_KEY_BYTES
  }
  into.set(section.bytes, at)
  return at + section.bytes.length
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
