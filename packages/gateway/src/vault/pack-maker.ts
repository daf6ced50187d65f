import { hash } from 'node:crypto'
import type { Random } from '../platform/index.ts'
import { utf8 } from './bytes.ts'
import { NONCE_BYTES } from './cipher.ts'
import { type ColumnsOptions, cutColumns, encodePersons, encodeRecords, LAYOUT } from './columns.ts'
import { asFault, VaultError } from './errors.ts'
import { type Cut, readCut, readCuts } from './frames.ts'
import type { DataKey, KeyRing } from './key-ring.ts'
import { openPack, type Pack, sealPack } from './pack.ts'
import type { PackedRecord } from './packed-record.ts'
import type { RowSource } from './packed-row.ts'
import { cutRows, PLAIN_LAYOUT } from './row-reader.ts'
import { RowWriter } from './row-writer.ts'
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
    const table = await this.recordTable(pack)
    return Array.from({ length: table.rows }, (_, row) => table.record(row))
  }

  async recordTable(pack: Pack): Promise<Table> {
    return this.#table(pack, { hasRecordIds: true })
  }

  async personTable(pack: Pack): Promise<Table> {
    return this.#table(pack, { hasRecordIds: false })
  }

  async #table(pack: Pack, options: ColumnsOptions): Promise<Table> {
    const plain = await this.#open(pack)
    return readCut(() => cut(pack, plain, options))
  }

  /** As `personTable` of each; undefined where nothing is concluded. */
  async personTables(packs: readonly Pack[]): Promise<readonly (Table | undefined)[]> {
    const opened: { readonly nth: number; readonly cut: () => Cut }[] = []
    for (const [nth, pack] of packs.entries()) {
      const plain = await asFault(() => this.#open(pack))
      if (plain instanceof VaultError) continue
      opened.push({ nth, cut: () => cut(pack, plain, { hasRecordIds: false }) })
    }
    const tables: (Table | undefined)[] = packs.map(() => undefined)
    const read = readCuts(opened.map(({ cut }) => cut))
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

function cut({ header, place }: Pack, plain: Uint8Array, options: ColumnsOptions): Cut {
  if (header.layout === LAYOUT) return cutColumns(plain, options)
  if (header.layout === PLAIN_LAYOUT) return cutRows(plain, options)
  throw new VaultError('VAULT_MALFORMED', `pack has the unknown layout ${header.layout}`, { place })
}

/** As columns, which takes little room, or plainly, which takes little time. */
export type PackForm = 'dense' | 'plain'

interface Encoded {
  readonly layout: number
  readonly plain: Uint8Array
}

/** Encodes rows and seals them. */
export class PackMaker {
  readonly #random: Random
  readonly #ring: KeyRing
  readonly #originHash: Uint8Array
  readonly #encoder = new TableEncoder()
  readonly #writer = new RowWriter()

  constructor(options: {
    readonly random: Random
    readonly ring: KeyRing
    readonly origin: string
  }) {
    this.#random = options.random
    this.#ring = options.ring
    this.#originHash = originHashOf(options.origin)
  }

  async records(spot: PackSpot, rows: RowSource, form: PackForm): Promise<Uint8Array> {
    const key = await this.#key(spot)
    const isPlain = form === 'plain'
    const plain = isPlain ? this.#writer.encode(rows, { hasRecordIds: true }) : undefined
    if (plain !== undefined) return this.#seal(key, spot, { layout: PLAIN_LAYOUT, plain })
    return this.#seal(key, spot, { layout: LAYOUT, plain: encodeRecords(rows, this.#encoder) })
  }

  async persons(spot: PackSpot, rows: RowSource, form: PackForm): Promise<Uint8Array> {
    const key = await this.#key(spot)
    const isPlain = form === 'plain'
    const plain = isPlain ? this.#writer.encode(rows, { hasRecordIds: false }) : undefined
    if (plain !== undefined) return this.#seal(key, spot, { layout: PLAIN_LAYOUT, plain })
    return this.#seal(key, spot, { layout: LAYOUT, plain: encodePersons(rows, this.#encoder) })
  }

  // Before anything is encoded: what that makes is sealed before another pack is begun.
  async #key({ keyId }: PackSpot): Promise<DataKey> {
    return this.#ring.ready(keyId) ?? (await this.#ring.key(keyId))
  }

  // Random nonces: one ledger key seals far fewer than 2^32 packs in its month.
  #seal(key: DataKey, spot: PackSpot, { layout, plain }: Encoded): Uint8Array {
    const nonce = this.#random.bytes(NONCE_BYTES)
    return sealPack(key, this.#originHash, { ...spot, layout, nonce }, plain)
  }
}
