import { dirname, join } from 'node:path'
import { type Disk, diskErrorCode } from '../platform/index.ts'
import { asBuffer, concat, mapKey } from './bytes.ts'
import { VaultError } from './errors.ts'
import { KEY_ID_BYTES, KEY_ROW_BYTES, keyRowId, readKeyRow } from './key-row.ts'
import { monthName } from './period.ts'
import { RecentMap } from './recent-map.ts'

/** Rows of a file of keys: one a month, so that what expires together lies together. */
export const KEY_ROWS_MAX = 4_194_304
/** A few classes of keys are made once for good. */
const STANDING_ROWS_MAX = 1_024

/** Rows known to be durable; one that is forgotten is written again. */
export const DURABLE_ROWS_MAX = 65_536

/** The first two bytes of the ids of keys that are made once for good. */
export const STANDING_PERIOD = 0xffff
const STANDING_FILE = 'standing.keys'
const PERIOD_BYTES = 2

/** A new key's id: the month (since January 1970, u16) whose file holds its row, then 14 random. */
export function newKeyId(period: number, random: Uint8Array): Uint8Array {
  const id = Buffer.allocUnsafe(KEY_ID_BYTES)
  id.writeUInt16BE(period, 0)
  id.set(random, PERIOD_BYTES)
  return id
}

export const KEY_ID_RANDOM_BYTES: number = KEY_ID_BYTES - PERIOD_BYTES

/** The name of the file that holds the row of this key, or the rows of this period. */
export function keyFileName(of: Uint8Array | number): string {
  const period = typeof of === 'number' ? of : asBuffer(of).readUInt16BE(0)
  return period === STANDING_PERIOD ? STANDING_FILE : `${monthName(period)}.keys`
}

/**
 * Rows side by side, appended and never moved. A row that a crash tore stays where it is and holds
 * no key: the payload that brought it is still in the write-ahead log, its row is appended again.
 */
export class KeyFile {
  readonly path: string
  readonly #disk: Disk
  #bytes: Uint8Array = new Uint8Array(0)
  #offsets = new Map<string, number>()
  // What this life of the file has flushed itself.
  readonly #durable = new RecentMap<string, true>({ entriesMax: DURABLE_ROWS_MAX })
  #isNameDurable = false
  readonly #bytesMax: number

  constructor(disk: Disk, directory: string, name: string, rowsMax: number = KEY_ROWS_MAX) {
    this.#disk = disk
    this.path = join(directory, name)
    const most = name === STANDING_FILE ? STANDING_ROWS_MAX : KEY_ROWS_MAX
    this.#bytesMax = KEY_ROW_BYTES * Math.min(most, rowsMax)
  }

  /** Reads what the disk holds now; false when that is not more than was known. */
  async refresh(): Promise<boolean> {
    const bytes = await this.#read()
    if (bytes.length <= this.#bytes.length) return false
    this.#bytes = bytes
    this.#offsets = new Map()
    for (let at = 0; at + KEY_ROW_BYTES <= bytes.length; at += KEY_ROW_BYTES) this.#index(at)
    return true
  }

  find(id: Uint8Array): Uint8Array | undefined {
    const at = this.#offsets.get(mapKey(id))
    return at === undefined ? undefined : this.#bytes.subarray(at, at + KEY_ROW_BYTES)
  }

  /** Every row that holds a key. */
  rows(): readonly Uint8Array[] {
    return [...this.#offsets.values()].map((at) => this.#bytes.subarray(at, at + KEY_ROW_BYTES))
  }

  /**
   * Makes rows durable: new ones at the end, known ones where they are. A row that reads back may
   * be in memory only, after a flush that failed in an earlier life: it is written once in each.
   * Whoever erases a row must first drop the segments that could bring it here again.
   */
  async put(rows: readonly Uint8Array[]): Promise<void> {
    const unsure = rows.filter((row) => this.#durable.get(mapKey(keyRowId(row))) === undefined)
    if (unsure.length === 0) return
    const end = Math.floor(this.#bytes.length / KEY_ROW_BYTES) * KEY_ROW_BYTES
    const known = unsure.flatMap((row) => this.#offsets.get(mapKey(keyRowId(row))) ?? [])
    const fresh = unsure.filter((row) => !this.#offsets.has(mapKey(keyRowId(row))))
    const added = concat(...fresh)
    await this.#write([
      ...known.map((at) => ({ at, bytes: this.#bytes.subarray(at, at + KEY_ROW_BYTES) })),
      ...(fresh.length === 0 ? [] : [{ at: end, bytes: added }]),
    ])
    this.#bytes = concat(this.#bytes.subarray(0, end), added)
    for (let at = end; at < this.#bytes.length; at += KEY_ROW_BYTES) this.#index(at)
    for (const row of unsure) this.#durable.set(mapKey(keyRowId(row)), true)
  }

  async #write(
    pieces: readonly { readonly at: number; readonly bytes: Uint8Array }[],
  ): Promise<void> {
    const file = await this.#disk.open(this.path, { for: 'write', create: 'if-missing' })
    try {
      for (const { at, bytes } of pieces) await file.write(at, bytes)
      await file.sync()
    } finally {
      await file.close()
    }
    if (this.#isNameDurable) return
    await this.#disk.syncDirectory(dirname(this.path))
    this.#isNameDurable = true
  }

  #index(at: number): void {
    const facts = readKeyRow(this.#bytes.subarray(at, at + KEY_ROW_BYTES))
    if (typeof facts === 'object') this.#offsets.set(mapKey(facts.id), at)
  }

  async #read(): Promise<Uint8Array> {
    try {
      return await this.#disk.read(this.path, this.#bytesMax)
    } catch (cause) {
      const code = diskErrorCode(cause)
      if (code === 'DISK_NOT_FOUND') return new Uint8Array(0)
      if (code !== 'DISK_TOO_LARGE') throw cause
      const message = `${this.path} is larger than ${this.#bytesMax} bytes: no ledger made it`
      throw new VaultError('VAULT_KEY_DAMAGED', message, { place: { file: this.path }, cause })
    }
  }
}
