// Somebody who holds the key-encryption key and all of `keys/`, but none of the log's signing keys:
// every pack and every write-ahead segment can be sealed anew with other content.
import { hash } from 'node:crypto'
import type { LeafIndex } from '@countersign/tlog'
import { encodeEntry, entryBytes } from '../../packages/gateway/src/ledger/entry.ts'
import {
  FRAME_HEADER_BYTES,
  frameEnd,
  writeFrameHeader,
} from '../../packages/gateway/src/ledger/frame.ts'
import type { StoredEntry } from '../../packages/gateway/src/ledger/index.ts'
import { encodeSegmentHeader } from '../../packages/gateway/src/ledger/segment-header.ts'
import { SegmentReader } from '../../packages/gateway/src/ledger/segment-reader.ts'
import { SeededRandom } from '../../packages/gateway/src/platform/index.ts'
import { decodePersons, decodeRecords } from '../../packages/gateway/src/vault/columns.ts'
import {
  KeyRing,
  parseKek,
  type SealedSegment,
  segmentSealer,
} from '../../packages/gateway/src/vault/index.ts'
import { joinPacks, openPack, sealPack, splitPacks } from '../../packages/gateway/src/vault/pack.ts'
import type { PackedRecord, PersonSection } from '../../packages/gateway/src/vault/packed-record.ts'
import { packPersons, packRecords } from '../../packages/gateway/src/vault/testing.ts'
import type { FileMap } from './file-map.ts'
import { DATA, MADE_ORIGIN } from './made-ledger.ts'

const ORIGIN_HASH = hash('sha256', MADE_ORIGIN, 'buffer')
const WAL = `${DATA}/state/wal`

function kekOf(files: FileMap) {
  return parseKek(new TextDecoder().decode(files.bytes(`${DATA}/keys/kek`)))
}

/** A block file whose packs hold other plaintext, sealed under their own keys. */
export async function forgePlain(
  files: FileMap,
  path: string,
  change: (plain: Uint8Array) => Uint8Array,
): Promise<FileMap> {
  const directory = `${DATA}/keys`
  const origin = MADE_ORIGIN
  const ring = new KeyRing({ disk: files.disk(), directory, kek: kekOf(files), origin })
  const packs: Uint8Array[] = []
  for (const pack of splitPacks(path, files.bytes(path))) {
    const key = await ring.key(pack.header.keyId)
    const plain = change(openPack(key, ORIGIN_HASH, pack))
    packs.push(sealPack(key, ORIGIN_HASH, pack.header, plain))
  }
  return files.with(path, joinPacks(packs))
}

export function forgeRecords(
  files: FileMap,
  path: string,
  change: (record: PackedRecord) => PackedRecord,
): Promise<FileMap> {
  return forgePlain(files, path, (plain) => packRecords(decodeRecords(plain).map(change)))
}

export function forgePersons(
  files: FileMap,
  path: string,
  change: (section: PersonSection) => PersonSection,
): Promise<FileMap> {
  return forgePlain(files, path, (plain) => packPersons(decodePersons(plain).map(change)))
}

/** A segment of the write-ahead log, written anew with other entries. */
export async function forgeSegment(
  files: FileMap,
  first: number,
  change: (entry: StoredEntry) => StoredEntry,
): Promise<FileMap> {
  const random = new SeededRandom(99)
  const sealer = segmentSealer({ kek: kekOf(files), random, origin: MADE_ORIGIN })
  const reader = await SegmentReader.open(files.disk(), WAL, first as LeafIndex, sealer)
  const key = sealer.newSegment()
  const parts = [encodeSegmentHeader(reader.header, key)]
  for (const entry of reader.entries()) parts.push(frame(change(entry), parts.length, key))
  return files.with(segmentPath(first), Buffer.concat(parts))
}

export function segmentPath(first: number): string {
  return `${WAL}/${String(first).padStart(16, '0')}.wal`
}

function frame(entry: StoredEntry, counter: number, key: SealedSegment): Uint8Array {
  const plain = new Uint8Array(entryBytes(entry))
  encodeEntry(entry, plain, new DataView(plain.buffer), 0)
  const sealedBytes = plain.length + 16
  const bytes = new Uint8Array(frameEnd(0, sealedBytes))
  writeFrameHeader({ sealedBytes, first: entry.index, count: 1, counter }, bytes)
  const header = bytes.subarray(0, FRAME_HEADER_BYTES)
  key.seal(counter, header, plain, bytes, FRAME_HEADER_BYTES)
  return bytes
}
