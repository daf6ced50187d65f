import { dirname } from 'node:path'
import {
  type Disk,
  type DiskFile,
  diskErrorCode,
  nodeSha256,
  type Random,
  writeFileDurably,
} from '../platform/index.ts'
import { Rate } from './gcra.ts'
import { LimitsError } from './limits-error.ts'
import { decodeRows, encodeHead, encodeRow, type QuotaRow } from './quota-rows.ts'

/** The file is written anew when it has grown beyond this, and to twice what is in it. */
const REWRITE_BYTES_MIN = 1_048_576
const FILE_BYTES_MAX = 1_073_741_824
const DIGEST_BYTES = 16

/** Microseconds since 1970 up to which a key may use, and by which rate these are counted. */
export interface Reserved {
  readonly rate: Rate
  readonly reservedUs: number
}

export interface Reservation {
  /** What to write, asked when the write begins: by then more may need it. */
  readonly target: () => Reserved
  readonly written: (reserved: Reserved) => void
}

interface Kept {
  row: QuotaRow
  /** Where this life has used it. */
  key: string | undefined
}

/**
 * What durable quotas have reserved, in a file that is only appended to until it is written anew.
 * Reservations that come while a write is under way share the next one. Keys are digests: the file
 * names nobody to whoever does not know whom to look for.
 */
export class QuotaFile {
  readonly #disk: Disk
  readonly #path: string
  readonly #nowUs: () => number
  readonly #salt: string
  readonly #kept = new Map<string, Kept>()
  #waiting = new Map<string, { readonly quota: string; readonly key: string } & Reservation>()
  #round: PromiseWithResolvers<void> | undefined
  #running: Promise<void> = Promise.resolve()
  #file: DiskFile | undefined
  #bytes = 0
  #rewriteAtBytes = 0

  private constructor(parts: FileParts, salt: string, rows: readonly QuotaRow[]) {
    this.#disk = parts.disk
    this.#path = parts.path
    this.#nowUs = parts.nowUs
    this.#salt = salt
    for (const row of rows) this.#kept.set(`${row.quota} ${row.digest}`, { row, key: undefined })
  }

  /** Reads what an earlier life has reserved. Throws LimitsError LIMITS_FILE_DAMAGED. */
  static async open(parts: FileParts): Promise<QuotaFile> {
    const { disk, path, random } = parts
    let text: string
    try {
      text = new TextDecoder('latin1').decode(await disk.read(path, FILE_BYTES_MAX))
    } catch (error) {
      if (diskErrorCode(error) !== 'DISK_NOT_FOUND') throw error
      const salt = Buffer.from(random.bytes(DIGEST_BYTES)).toString('hex')
      return new QuotaFile(parts, salt, [])
    }
    const { salt, rows } = decodeRows(path, text)
    return new QuotaFile(parts, salt, rows)
  }

  /** What was reserved before; of this life's own reservations the store knows more. */
  restored(quota: string, key: string): Reserved | undefined {
    const kept = this.#kept.get(this.#id(quota, key))
    return kept && { reservedUs: kept.row.reservedUs, rate: new Rate(kept.row) }
  }

  /** Resolves when the reservation is durable; rejects with LimitsError LIMITS_UNAVAILABLE. */
  reserve(quota: string, key: string, reservation: Reservation): Promise<void> {
    this.#waiting.set(this.#id(quota, key), { quota, key, ...reservation })
    if (this.#round !== undefined) return this.#round.promise
    const round = Promise.withResolvers<void>()
    this.#round = round
    this.#running = this.#running.then(() => this.#write(round))
    return round.promise
  }

  /** Writes what was really used; `used` says it for keys of this life. */
  async close(used: (quota: string, key: string) => Reserved | undefined): Promise<void> {
    await this.#running
    for (const kept of this.#kept.values()) {
      const really = kept.key === undefined ? undefined : used(kept.row.quota, kept.key)
      if (really !== undefined) kept.row = rowOf(kept.row, really)
    }
    if (this.#kept.size > 0) await this.#rewrite()
    await this.#file?.close()
  }

  async #write(round: PromiseWithResolvers<void>): Promise<void> {
    this.#round = undefined
    const batch = [...this.#waiting]
    this.#waiting = new Map()
    const lines: string[] = []
    const told: (() => void)[] = []
    for (const [id, { quota, key, target, written }] of batch) {
      const before = this.#kept.get(id)?.row
      const digest = before?.digest ?? id.slice(quota.length + 1)
      const reserved = target()
      const row = rowOf({ quota, digest }, reserved)
      this.#kept.set(id, { row, key })
      lines.push(encodeRow(row))
      told.push(() => written(reserved))
    }
    try {
      await this.#append(lines.join(''))
      for (const tell of told) tell()
      round.resolve()
    } catch (cause) {
      const message = `quotas cannot be written to ${this.#path}`
      round.reject(new LimitsError('LIMITS_UNAVAILABLE', message, { cause }))
    }
  }

  /** After a failure nothing is assumed of the file: it is written anew. */
  async #append(text: string): Promise<void> {
    const file = this.#file
    if (file === undefined || this.#bytes > this.#rewriteAtBytes) return this.#rewrite()
    this.#file = undefined
    try {
      await file.write(this.#bytes, Buffer.from(text, 'latin1'))
    } catch (error) {
      await file.close()
      throw error
    }
    this.#bytes += text.length
    this.#file = file
  }

  /** Only what is still in use; all that is reserved now is in it. */
  async #rewrite(): Promise<void> {
    const nowUs = this.#nowUs()
    const lines = [encodeHead(this.#salt)]
    for (const [id, { row }] of this.#kept) {
      if (row.reservedUs < nowUs) this.#kept.delete(id)
      else lines.push(encodeRow(row))
    }
    const bytes = Buffer.from(lines.join(''), 'latin1')
    await this.#file?.close()
    this.#file = undefined
    await this.#disk.makeDirectory(dirname(this.#path))
    await writeFileDurably(this.#disk, this.#path, bytes, { syncDirectory: true })
    this.#file = await this.#disk.open(this.#path, { for: 'write', create: 'never', durable: true })
    this.#bytes = bytes.length
    this.#rewriteAtBytes = Math.max(REWRITE_BYTES_MIN, 2 * bytes.length)
  }

  #id(quota: string, key: string): string {
    const digest = nodeSha256.digest(Buffer.from(`${this.#salt} ${quota} ${key}`))
    return `${quota} ${Buffer.from(digest.subarray(0, DIGEST_BYTES)).toString('hex')}`
  }
}

function rowOf(
  { quota, digest }: Pick<QuotaRow, 'quota' | 'digest'>,
  { rate, reservedUs }: Reserved,
): QuotaRow {
  const { limit, windowUs, burst } = rate
  return { quota, digest, limit, windowUs, burst, reservedUs }
}

interface FileParts {
  readonly disk: Disk
  readonly path: string
  readonly random: Random
  /** As the store's. */
  readonly nowUs: () => number
}
