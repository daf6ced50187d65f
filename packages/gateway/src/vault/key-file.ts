import { dirname, join } from 'node:path'
import { type Disk, diskErrorCode } from '../platform/index.ts'
import { asBuffer, concat, mapKey } from './bytes.ts'
import { KEY_ID_BYTES, KEY_ROW_BYTES, keyRowId, readKeyRow } from './key-row.ts'
import { monthName } from './period.ts'

/** A file of key rows: one a month, so that what expires together lies together. */
export const KEY_FILE_BYTES_MAX = 512 * 1024 * 1024

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

  constructor(disk: Disk, directory: string, name: string) {
    this.#disk = disk
    this.path = join(directory, name)
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

  /** Appends the rows that are not there yet; durable when it resolves. */
  async append(rows: readonly Uint8Array[]): Promise<void> {
    const fresh = rows.filter((row) => !this.#offsets.has(mapKey(keyRowId(row))))
    if (fresh.length === 0) return
    const start = Math.floor(this.#bytes.length / KEY_ROW_BYTES) * KEY_ROW_BYTES
    const added = concat(...fresh)
    await this.#write(start, added)
    this.#bytes = concat(this.#bytes.subarray(0, start), added)
    for (let at = start; at < this.#bytes.length; at += KEY_ROW_BYTES) this.#index(at)
  }

  async #write(start: number, bytes: Uint8Array): Promise<void> {
    const file = await this.#disk.open(this.path, { for: 'write', create: 'if-missing' })
    try {
      await file.write(start, bytes)
      await file.sync()
    } finally {
      await file.close()
    }
    // A file that held rows before was made durable with its name by whoever appended them.
    if (start === 0) await this.#disk.syncDirectory(dirname(this.path))
  }

  #index(at: number): void {
    const facts = readKeyRow(this.#bytes.subarray(at, at + KEY_ROW_BYTES))
    if (typeof facts === 'object') this.#offsets.set(mapKey(facts.id), at)
  }

  async #read(): Promise<Uint8Array> {
    try {
      return await this.#disk.read(this.path, KEY_FILE_BYTES_MAX)
    } catch (error) {
      if (diskErrorCode(error) === 'DISK_NOT_FOUND') return new Uint8Array(0)
      throw error
    }
  }
}
