import { dirname } from 'node:path'
import { z } from 'zod'
import { type Disk, diskErrorCode, writeFileDurably } from '../platform/index.ts'

const SEEN_BYTES_MAX = 33_554_432

/**
 * What a followed file said when its changes were last on record: what is changed while no gateway
 * runs is recorded at the next start. Holds digests and ids, nothing that the file itself keeps.
 */
export class SeenFile<T> {
  readonly #disk: Disk
  readonly #path: string
  readonly #schema: z.ZodType<{ readonly version: 1; readonly entries: Record<string, T> }>

  constructor(disk: Disk, path: string, entry: z.ZodType<T>) {
    this.#disk = disk
    this.#path = path
    this.#schema = z.strictObject({
      version: z.literal(1),
      entries: z.record(z.string(), entry),
    })
  }

  /** Undefined where nothing was ever seen. Throws where the file is not what was written. */
  async read(): Promise<ReadonlyMap<string, T> | undefined> {
    try {
      const bytes = await this.#disk.read(this.#path, SEEN_BYTES_MAX)
      const value: unknown = JSON.parse(new TextDecoder().decode(bytes))
      return new Map(Object.entries(this.#schema.parse(value).entries))
    } catch (error) {
      if (diskErrorCode(error) === 'DISK_NOT_FOUND') return undefined
      throw new Error(`${this.#path} is not what was written: remove it`, { cause: error })
    }
  }

  async write(entries: ReadonlyMap<string, T>): Promise<void> {
    const text = JSON.stringify({ version: 1, entries: Object.fromEntries(entries) })
    await this.#disk.makeDirectory(dirname(this.#path))
    const bytes = new TextEncoder().encode(text)
    await writeFileDurably(this.#disk, this.#path, bytes, { syncDirectory: true })
  }
}
