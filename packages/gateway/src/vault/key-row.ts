import type { KeyObject } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { asBuffer, concat, hex, isZero, utf8 } from './bytes.ts'
import { KEY_BYTES, NONCE_BYTES, openBytes, sealBytes, TAG_BYTES } from './cipher.ts'
import { VaultError } from './errors.ts'

/** One wrapped key. Fixed width, so that a later erasure overwrites one row with zeros in place. */
export const KEY_ROW_BYTES = 128
export const KEY_ID_BYTES = 16
export const LOOKUP_BYTES = 16

export const KEY_CLASSES = {
  /** Sections under the ledger's own key; one a month. */
  ledger: 1,
  /** One principal, one month. */
  subject: 2,
  /** One address prefix, one day. */
  anonymous: 3,
  /** All anonymous traffic of a day beyond the cap. It names nobody: it only expires. */
  shared: 4,
  /** Hides the names in `lookup`. Made once. */
  lookup: 5,
  /** Makes the `open` value of receipts. Made once. */
  receipt: 6,
  /** Seals payloads that are not records. Made once. */
  opaque: 7,
} as const
export type KeyClass = keyof typeof KEY_CLASSES

export interface KeyRow {
  readonly id: Uint8Array
  readonly class: KeyClass
  /** HMAC of whom the key is for; zeros where it is for nobody in particular. */
  readonly lookup: Uint8Array
  readonly fromUs: number
  readonly toUs: number
}

const VERSION = 1
const ID_AT = 4
const LOOKUP_AT = ID_AT + KEY_ID_BYTES
const FROM_AT = LOOKUP_AT + LOOKUP_BYTES
const TO_AT = FROM_AT + 8
const NONCE_AT = TO_AT + 8
const WRAPPED_AT = NONCE_AT + NONCE_BYTES
const WRAPPED_END = WRAPPED_AT + KEY_BYTES + TAG_BYTES
const CRC_AT = KEY_ROW_BYTES - 4
const AAD_LABEL = utf8('countersign/key-row/v1\0')
const CLASSES = new Map<number, KeyClass>(
  Object.entries(KEY_CLASSES).map(([name, code]) => [code, name as KeyClass]),
)

/** Wraps `key` under `wrapKey`: what a key file, or the first payload that uses the key, holds. */
export function sealKeyRow(
  row: KeyRow,
  wrapped: { readonly wrapKey: KeyObject; readonly nonce: Uint8Array; readonly key: Uint8Array },
): Uint8Array {
  const bytes = Buffer.alloc(KEY_ROW_BYTES)
  bytes[0] = VERSION
  bytes[1] = KEY_CLASSES[row.class]
  bytes.set(row.id, ID_AT)
  bytes.set(row.lookup, LOOKUP_AT)
  bytes.writeBigUInt64BE(BigInt(row.fromUs), FROM_AT)
  bytes.writeBigUInt64BE(BigInt(row.toUs), TO_AT)
  bytes.set(wrapped.nonce, NONCE_AT)
  const aad = rowAad(bytes)
  bytes.set(sealBytes(wrapped.wrapKey, wrapped.nonce, aad, wrapped.key), WRAPPED_AT)
  bytes.writeUInt32BE(crc32(bytes.subarray(0, CRC_AT)), CRC_AT)
  return bytes
}

/** The clear part. `erased` is a row of zeros; `damaged` may also be one that a crash tore. */
export function readKeyRow(bytes: Uint8Array): KeyRow | 'erased' | 'damaged' {
  const row = asBuffer(bytes)
  const keyClass = CLASSES.get(row[1] ?? 0)
  if (row[0] !== VERSION || keyClass === undefined || row.length !== KEY_ROW_BYTES) {
    return isZero(row) ? 'erased' : 'damaged'
  }
  if (row.readUInt32BE(CRC_AT) !== crc32(row.subarray(0, CRC_AT))) return 'damaged'
  return {
    id: row.subarray(ID_AT, LOOKUP_AT),
    class: keyClass,
    lookup: row.subarray(LOOKUP_AT, FROM_AT),
    fromUs: Number(row.readBigUInt64BE(FROM_AT)),
    toUs: Number(row.readBigUInt64BE(TO_AT)),
  }
}

export function keyRowId(bytes: Uint8Array): Uint8Array {
  return bytes.subarray(ID_AT, LOOKUP_AT)
}

/** The key itself; VAULT_KEY_DAMAGED when the row is not what was wrapped. */
export function openKeyRow(bytes: Uint8Array, wrapKey: KeyObject): Uint8Array {
  const nonce = bytes.subarray(NONCE_AT, WRAPPED_AT)
  const key = openBytes(wrapKey, nonce, rowAad(bytes), bytes.subarray(WRAPPED_AT, WRAPPED_END))
  if (key !== undefined) return key
  const keyId = hex(keyRowId(bytes))
  throw new VaultError('VAULT_KEY_DAMAGED', `key ${keyId} does not authenticate`, {
    place: { keyId },
  })
}

function rowAad(bytes: Uint8Array): Uint8Array {
  return concat(AAD_LABEL, bytes.subarray(0, NONCE_AT))
}
