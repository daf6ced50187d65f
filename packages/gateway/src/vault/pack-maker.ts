import { hash } from 'node:crypto'
import type { Random } from '../platform/index.ts'
import { utf8 } from './bytes.ts'
import { NONCE_BYTES } from './cipher.ts'
import {
  decodeRecords,
  encodePersons,
  encodeRecords,
  LAYOUT,
  readManyPersons,
  readPersons,
  readRecords,
} from './columns.ts'
import { asFault, VaultError } from './errors.ts'
import type { DataKey, KeyRing } from './key-ring.ts'
import { openPack, type Pack, sealPack } from './pack.ts'
import type { PackedRecord } from './packed-record.ts'
import type { RowSource } from './packed-row.ts'
import type { Table } from './table.ts'
import { TableEncoder } from './table-encoder.ts'

/** Where a new pack belongs. */
export interface PackSpot {
  readonly keyId: Uint8Array
  readonly from: number
  readonly to: number
  readonly ordinal: number
}

function originHashOf(origin: string): Uint8Array {
  return hash('sha256', utf8(origin), 'buffer')
}

/** Opens packs and decodes their columns. */
export class PackOpener {
  readonly #ring: KeyRing
  readonly #originHash: Uint8Array

  constructor(options: { readonly ring: KeyRing; readonly origin: string }) {
    this.#ring = options.ring
    this.#originHash = originHashOf(options.origin)
  }

  async records(pack: Pack): Promise<readonly PackedRecord[]> {
    return decodeRecords(await this.#open(pack))
  }

  async recordTable(pack: Pack): Promise<Table> {
    return readRecords(await this.#open(pack))
  }

  async personTable(pack: Pack): Promise<Table> {
    return readPersons(await this.#open(pack))
  }

  /** As `personTable` of each; undefined where nothing is concluded. */
  async personTables(packs: readonly Pack[]): Promise<readonly (Table | undefined)[]> {
    const opened: { readonly nth: number; readonly plain: Uint8Array }[] = []
    for (const [nth, pack] of packs.entries()) {
      const plain = await asFault(() => this.#open(pack))
      if (!(plain instanceof VaultError)) opened.push({ nth, plain })
    }
    const tables: (Table | undefined)[] = packs.map(() => undefined)
    const read = readManyPersons(opened.map(({ plain }) => plain))
    for (const [at, { nth }] of opened.entries()) tables[nth] = read[at]
    return tables
  }

  async #open(pack: Pack): Promise<Uint8Array> {
    const { keyId } = pack.header
    return openPack(
      this.#ring.ready(keyId) ?? (await this.#ring.key(keyId)),
      this.#originHash,
      pack,
    )
  }
}

/** Encodes columns and seals them. */
export class PackMaker {
  readonly #random: Random
  readonly #ring: KeyRing
  readonly #originHash: Uint8Array
  readonly #encoder = new TableEncoder()

  constructor(options: {
    readonly random: Random
    readonly ring: KeyRing
    readonly origin: string
  }) {
    this.#random = options.random
    this.#ring = options.ring
    this.#originHash = originHashOf(options.origin)
  }

  async records(spot: PackSpot, rows: RowSource): Promise<Uint8Array> {
    const key = await this.#key(spot)
    return this.#seal(key, spot, encodeRecords(rows, this.#encoder))
  }

  async persons(spot: PackSpot, rows: RowSource): Promise<Uint8Array> {
    const key = await this.#key(spot)
    return this.#seal(key, spot, encodePersons(rows, this.#encoder))
  }

  // Before anything is encoded: what that makes is sealed before another pack is begun.
  async #key({ keyId }: PackSpot): Promise<DataKey> {
    return this.#ring.ready(keyId) ?? (await this.#ring.key(keyId))
  }

  // Random nonces: one ledger key seals far fewer than 2^32 packs in its month.
  #seal(key: DataKey, spot: PackSpot, plain: Uint8Array): Uint8Array {
    const nonce = this.#random.bytes(NONCE_BYTES)
    return sealPack(key, this.#originHash, { ...spot, dictionary: LAYOUT, nonce }, plain)
  }
}
