import { zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { asBuffer, concat } from './bytes.ts'
import { VaultError } from './errors.ts'
import type { PackedRecord, PackedSection, PersonSection } from './packed-record.ts'

export const LAYOUT = 0

export function encodeRecords(records: readonly PackedRecord[]): Uint8Array {
  const parts: Uint8Array[] = []
  for (const record of records) {
    const head = Buffer.alloc(22)
    head.writeUInt32BE(record.offset, 0)
    head[4] = record.kind
    head[5] = record.opaque === undefined ? record.sections.length : 255
    head.set(record.recordId, 6)
    parts.push(head)
    if (record.opaque !== undefined) parts.push(sized(record.opaque))
    for (const section of record.sections) {
      if ('bytes' in section) parts.push(Uint8Array.of(section.id, 0), sized(section.bytes))
      else parts.push(Uint8Array.of(section.id, 1), section.keyId, section.digest)
    }
  }
  return zstdCompressSync(concat(...parts))
}

export function decodeRecords(plain: Uint8Array): readonly PackedRecord[] {
  const bytes = asBuffer(zstdDecompressSync(plain))
  const records: PackedRecord[] = []
  let at = 0
  const take = (count: number): Buffer => {
    if (at + count > bytes.length) throw new VaultError('VAULT_MALFORMED', 'columns are cut')
    at += count
    return bytes.subarray(at - count, at)
  }
  const takeSized = (): Buffer => take(take(4).readUInt32BE())
  while (at < bytes.length) {
    const head = take(22)
    const count = head[5] ?? 0
    const opaque = count === 255 ? takeSized() : undefined
    const sections: PackedSection[] = []
    for (let n = 0; opaque === undefined && n < count; n++) {
      const [id = 0, own] = take(2)
      if (own === 0) sections.push({ id, bytes: takeSized() })
      else sections.push({ id, keyId: take(16), digest: take(32) })
    }
    const recordId = head.subarray(6, 22)
    records.push({ offset: head.readUInt32BE(), kind: head[4] ?? 0, recordId, sections, opaque })
  }
  return records
}

export function encodePersons(sections: readonly PersonSection[]): Uint8Array {
  return encodeRecords(
    sections.map(({ offset, id, bytes }) => {
      return {
        offset,
        kind: 0,
        recordId: new Uint8Array(16),
        sections: [{ id, bytes }],
        opaque: undefined,
      }
    }),
  )
}

export function decodePersons(plain: Uint8Array): readonly PersonSection[] {
  return decodeRecords(plain).flatMap(({ offset, sections }) =>
    sections.flatMap((section) => ('bytes' in section ? [{ offset, ...section }] : [])),
  )
}

function sized(bytes: Uint8Array): Uint8Array {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(bytes.length)
  return concat(length, bytes)
}
