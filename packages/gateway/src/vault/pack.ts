import { asBuffer, concat, hex, mapKey, utf8 } from './bytes.ts'
import { NONCE_BYTES, openBytes, sealInto, TAG_BYTES } from './cipher.ts'
import { VaultError, type VaultPlace } from './errors.ts'
import type { DataKey } from './key-ring.ts'
import { KEY_ID_BYTES } from './key-row.ts'

/** What one key opens: a header in clear and one ciphertext. Sealed once, copied byte for byte. */
export interface Pack {
  readonly header: PackHeader
  /** Header and ciphertext as they stand in the file. */
  readonly bytes: Uint8Array
  readonly place: VaultPlace
}

export interface PackHeader {
  readonly keyId: Uint8Array
  /** Entries that the pack speaks of lie in from … to − 1. */
  readonly from: number
  readonly to: number
  /** Position in its file, from 0. */
  readonly ordinal: number
  /** Of the plaintext. */
  readonly layout: number
  readonly nonce: Uint8Array
}

export const PACK_HEADER_BYTES: number = KEY_ID_BYTES + 8 + 8 + 2 + 2 + NONCE_BYTES + 4
/** Largest ciphertext of a pack, tag included. */
export const PACK_BYTES_MAX: number = 512 * 1024 * 1024
const MAGIC = utf8('CSB1')

export function sealPack(
  key: DataKey,
  originHash: Uint8Array,
  header: PackHeader,
  plain: Uint8Array,
): Uint8Array {
  const head = encodeHeader(header, plain.length + TAG_BYTES)
  const at = MAGIC.length + PACK_HEADER_BYTES
  // A file of one pack is there already, magic and all: nearly every block is one.
  const file = Buffer.allocUnsafe(at + plain.length + TAG_BYTES)
  file.set(MAGIC)
  file.set(head, MAGIC.length)
  const aad = concat(originHash, head)
  sealInto({ key: key.packKey, nonce: header.nonce, aad }, plain, file, at)
  return file.subarray(MAGIC.length)
}

/** The plaintext of a pack; VAULT_NOT_AUTHENTIC when it is not what was sealed under its header. */
export function openPack(key: DataKey, originHash: Uint8Array, pack: Pack): Uint8Array {
  const head = pack.bytes.subarray(0, PACK_HEADER_BYTES)
  const sealed = pack.bytes.subarray(PACK_HEADER_BYTES)
  const plain = openBytes(key.packKey, pack.header.nonce, concat(originHash, head), sealed)
  if (plain !== undefined) return plain
  const { file, pack: ordinal } = pack.place
  throw new VaultError('VAULT_NOT_AUTHENTIC', `pack ${ordinal} of ${file} does not authenticate`, {
    place: pack.place,
  })
}

/** A block file's bytes; the memory of its one pack, where the magic stands before that. */
export function joinPacks(packs: readonly Uint8Array[]): Uint8Array {
  const [first] = packs
  const file = packs.length === 1 && first !== undefined ? behindMagic(first) : undefined
  return file ?? concat(MAGIC, ...packs)
}

function behindMagic({ buffer, byteOffset, length }: Uint8Array): Uint8Array | undefined {
  const start = byteOffset - MAGIC.length
  if (start < 0) return undefined
  const file = new Uint8Array(buffer, start, MAGIC.length + length)
  return MAGIC.every((byte, at) => file[at] === byte) ? file : undefined
}

/** The packs of a file, in order, without opening any. VAULT_MALFORMED names the file. */
export function splitPacks(file: string, bytes: Uint8Array): readonly Pack[] {
  if (mapKey(bytes.subarray(0, MAGIC.length)) !== mapKey(MAGIC)) {
    throw new VaultError('VAULT_MALFORMED', `${file} is not a block`, { place: { file } })
  }
  const packs: Pack[] = []
  for (let at = MAGIC.length; at < bytes.length; ) {
    const pack = readPack(file, bytes, at, packs.length)
    packs.push(pack)
    at += pack.bytes.length
  }
  return packs
}

function readPack(file: string, bytes: Uint8Array, at: number, ordinal: number): Pack {
  const place = { file, pack: ordinal }
  const head = asBuffer(bytes.subarray(at, at + PACK_HEADER_BYTES))
  const length = head.length === PACK_HEADER_BYTES ? head.readUInt32BE(PACK_HEADER_BYTES - 4) : 0
  const end = at + PACK_HEADER_BYTES + length
  if (length < TAG_BYTES || length > PACK_BYTES_MAX || end > bytes.length) {
    throw new VaultError('VAULT_MALFORMED', `pack ${ordinal} of ${file} is cut`, { place })
  }
  const header = {
    keyId: head.subarray(0, KEY_ID_BYTES),
    from: Number(head.readBigUInt64BE(16)),
    to: Number(head.readBigUInt64BE(24)),
    ordinal: head.readUInt16BE(32),
    layout: head.readUInt16BE(34),
    nonce: head.subarray(36, 36 + NONCE_BYTES),
  }
  if (header.ordinal !== ordinal || header.from >= header.to) {
    const found = `ordinal ${header.ordinal}, entries ${header.from} to ${header.to}`
    throw new VaultError('VAULT_MALFORMED', `pack ${ordinal} of ${file}: ${found}`, { place })
  }
  return { header, bytes: bytes.subarray(at, end), place: { ...place, keyId: hex(header.keyId) } }
}

function encodeHeader(header: PackHeader, length: number): Uint8Array {
  const bytes = Buffer.alloc(PACK_HEADER_BYTES)
  bytes.set(header.keyId, 0)
  bytes.writeBigUInt64BE(BigInt(header.from), 16)
  bytes.writeBigUInt64BE(BigInt(header.to), 24)
  bytes.writeUInt16BE(header.ordinal, 32)
  bytes.writeUInt16BE(header.layout, 34)
  bytes.set(header.nonce, 36)
  bytes.writeUInt32BE(length, PACK_HEADER_BYTES - 4)
  return bytes
}
