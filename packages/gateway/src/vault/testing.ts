import {
  encodeLeaf,
  KINDS,
  type Kind,
  SECTIONS,
  type SectionName,
  sectionDigest,
} from '@countersign/evidence'
import { type Disk, nodeSha256, SeededRandom } from '../platform/index.ts'
import { BlockPacker, type PackBatch } from './block-packer.ts'
import { BlockReader } from './block-reader.ts'
import { encodePersons, encodeRecords } from './columns.ts'
import { type Kek, parseKek } from './kek.ts'
import { KeyRing } from './key-ring.ts'
import { NO_RECORD_ID, type PackedRecord, type PersonSection } from './packed-record.ts'
import { rowsOf } from './packed-row.ts'
import { encodePayload } from './payload.ts'
import type { SealKey } from './seal-key.ts'
import { TableEncoder } from './table-encoder.ts'
import { type Subject, Vault } from './vault.ts'

/** What one entry is made of: a section's value, and whom it is about. */
export interface SampleSection {
  readonly name: SectionName
  readonly value: object
  readonly subject?: Subject
}

export interface SampleEntry {
  readonly leaf: Uint8Array
  readonly payload: Uint8Array
  readonly texts: readonly string[]
  readonly keys: readonly SealKey[]
}

export const ORIGIN = 'example.org/log/test'
export const EPOCH_DIRECTORY = '/data/1'
export const KEYS_DIRECTORY = '/data/keys'
/** 2026-11-21T08:10:00Z. */
export const NOW_US = 1_795_248_600_000_000
export const KEK: Kek = parseKek('1f'.repeat(32))

/** A vault on a disk in memory, and all that reads and writes for it. Tests only. */
export class Rig {
  readonly disk: Disk
  readonly random: SeededRandom
  readonly vault: Vault
  readonly ring: KeyRing
  readonly packer: BlockPacker

  static async open(disk: Disk, seed = 1, kek: Kek = KEK): Promise<Rig> {
    const random = new SeededRandom(seed)
    const directory = KEYS_DIRECTORY
    const vault = await Vault.open({ disk, random, directory, origin: ORIGIN, kek, nowUs: NOW_US })
    const rig = new Rig(disk, random, vault, kek)
    await rig.packer.resume(0)
    return rig
  }

  private constructor(disk: Disk, random: SeededRandom, vault: Vault, kek: Kek) {
    this.disk = disk
    this.random = random
    this.vault = vault
    this.ring = new KeyRing({ disk, directory: KEYS_DIRECTORY, origin: ORIGIN, kek })
    const epochDirectory = EPOCH_DIRECTORY
    this.packer = new BlockPacker({ disk, random, ring: this.ring, origin: ORIGIN, epochDirectory })
  }

  /** A reader with keys of its own, as another process has. */
  reader(
    options: { readonly kek?: Kek; readonly payloads?: readonly Uint8Array[] } = {},
  ): BlockReader {
    const { disk } = this
    const { kek = KEK, payloads = [] } = options
    return new BlockReader({
      disk,
      ring: new KeyRing({ disk, directory: KEYS_DIRECTORY, origin: ORIGIN, kek }),
      origin: ORIGIN,
      epochDirectory: EPOCH_DIRECTORY,
      unpacked: async (index) => payloads[index],
    })
  }

  /** One record; sections in ascending order of id. */
  entry(kind: Kind, sections: readonly SampleSection[], atUs: number = NOW_US): SampleEntry {
    const recordId = this.random.bytes(16)
    const ledgerKey = this.vault.ledgerKey(atUs)
    const planned = sections.map(({ name, value, subject }) => ({
      id: SECTIONS[name],
      bytes: Buffer.from(JSON.stringify(value)),
      key: subject === undefined ? ledgerKey : this.vault.subjectKey(subject, atUs),
    }))
    const made = planned.map(({ id, bytes, key }, place) => {
      const same = planned.filter((each) => each.key === key)
      const nth = planned.slice(0, place).filter((each) => each.key === key).length
      const salt = key.salts(recordId, same.length)[nth] ?? new Uint8Array(0)
      return { id, bytes, keyId: key.id, digest: sectionDigest(nodeSha256, { id, salt, bytes }) }
    })
    const keys = [...new Set(planned.map(({ key }) => key))]
    const rows = keys.flatMap(({ row }) => row ?? [])
    const payload = encodePayload({
      kind: KINDS[kind].code,
      recordId,
      ledgerKeyId: ledgerKey.id,
      sections: made,
      rows,
    })
    const texts = made.map(({ bytes }) => bytes.toString())
    return { leaf: encodeLeaf(nodeSha256, made), payload, texts, keys }
  }
}

/** Entries as the ledger hands them to the packer: one batch. */
export function batchOf(
  first: number,
  entries: readonly { readonly payload: Uint8Array }[],
): PackBatch {
  const bytes = Buffer.concat(entries.map(({ payload }) => payload))
  const payloads = new Int32Array(2 * entries.length)
  let at = 0
  entries.forEach(({ payload }, nth) => {
    payloads[2 * nth] = at
    at += payload.length
    payloads[2 * nth + 1] = at
  })
  return { first, count: entries.length, bytes, payloads }
}

/** The plaintext of a ledger pack, by an encoder of its own. */
export function packRecords(records: readonly PackedRecord[]): Uint8Array {
  return Uint8Array.from(encodeRecords(rowsOf(records), new TableEncoder()))
}

/** The plaintext of a person's pack; sections in ascending order of offset, then id. */
export function packPersons(sections: readonly PersonSection[]): Uint8Array {
  const rows: PackedRecord[] = []
  for (const each of Map.groupBy(sections, ({ offset }) => offset).values()) {
    const offset = each[0]?.offset ?? 0
    rows.push({ offset, kind: 0, recordId: NO_RECORD_ID, sections: each, opaque: undefined })
  }
  return Uint8Array.from(encodePersons(rowsOf(rows), new TableEncoder()))
}
