import { basename, dirname, join } from 'node:path'
import { type Disk, diskErrorCode, writeFileDurably } from '../platform/index.ts'
import { BLOCK_ENTRIES, blockPath, type Family, parseBlockPath } from './block-path.ts'

/** A block of 256 payloads of 1 MiB, and some. */
export const BLOCK_FILE_BYTES_MAX: number = 320 * 1024 * 1024

/** Directories whose names are remembered: the one that is being filled, and its like. */
const LISTED_MAX = 8
const PART = '.p'

export interface StoredBlock {
  /** Relative to the epoch's directory. */
  readonly path: string
  readonly bytes: Uint8Array
  /** Entries of the block that the file speaks of, from its first. */
  readonly width: number
}

/** Told of each file that was read whole. */
export type OnRead = (path: string, bytes: Uint8Array) => void

export interface NewFile {
  readonly path: string
  readonly bytes: Uint8Array
}

/** The files under one epoch's directory. */
export class BlockStore {
  readonly #disk: Disk
  readonly #directory: string
  readonly #onRead: OnRead | undefined
  readonly #made = new Set<string>()
  readonly #unsynced = new Set<string>()
  /** Names in the directories of blocks, for the one who writes there and nobody else. */
  readonly #listed = new Map<string, Promise<Set<string>>>()

  constructor(disk: Disk, epochDirectory: string, onRead?: OnRead) {
    this.#disk = disk
    this.#onRead = onRead
    this.#directory = epochDirectory
  }

  async read(path: string): Promise<Uint8Array | undefined> {
    try {
      const bytes = await this.#disk.read(`${this.#directory}/${path}`, BLOCK_FILE_BYTES_MAX)
      this.#onRead?.(path, bytes)
      return bytes
    } catch (error) {
      if (diskErrorCode(error) === 'DISK_NOT_FOUND') return undefined
      throw error
    }
  }

  /** The finished file of a block. */
  async full(family: Family, block: number): Promise<StoredBlock | undefined> {
    return this.#stored(family, block, BLOCK_ENTRIES)
  }

  /** The widest file of a block that is at most `widthMax` entries wide. */
  async widest(
    family: Family,
    block: number,
    widthMax: number = BLOCK_ENTRIES,
  ): Promise<StoredBlock | undefined> {
    const full = widthMax < BLOCK_ENTRIES ? undefined : await this.full(family, block)
    if (full !== undefined) return full
    for (const width of await this.#parts(family, block)) {
      const stored = width > widthMax ? undefined : await this.#stored(family, block, width)
      if (stored !== undefined) return stored
    }
    return undefined
  }

  async #stored(family: Family, block: number, width: number): Promise<StoredBlock | undefined> {
    const path = blockPath(family, block, width)
    const bytes = await this.read(path)
    return bytes === undefined ? undefined : { path, bytes, width }
  }

  /** Forgets what it remembers of the disk. */
  forget(): void {
    this.#listed.clear()
  }

  /**
   * False: no file of the block is there. The disk is asked once a directory, so only the one who
   * writes there may ask.
   */
  async mayHold(family: Family, block: number): Promise<boolean> {
    const path = blockPath(family, block)
    const names = await this.#list(dirname(path))
    return names.has(basename(path)) || names.has(basename(path) + PART)
  }

  /** Puts a file in place, whole. Its name is durable after `sync`. */
  async write({ path, bytes }: NewFile): Promise<void> {
    const directory = dirname(join(this.#directory, path))
    await this.#make(directory)
    // Before it is there: what a failed attempt left must be seen by the next.
    await this.#remember(path)
    this.#unsynced.add(directory)
    await writeFileDurably(this.#disk, join(this.#directory, path), bytes)
  }

  /** Makes the names durable of everything written so far. */
  async sync(): Promise<void> {
    for (const directory of this.#unsynced) {
      await this.#disk.syncDirectory(directory)
      this.#unsynced.delete(directory)
    }
  }

  /** Removes files of a block that a wider one, durable by now, has replaced. */
  async removeNarrower(family: Family, block: number, width: number): Promise<void> {
    const path = blockPath(family, block)
    const listed = await this.#list(dirname(path))
    if (!listed.has(basename(path) + PART)) return
    const parts = await this.#parts(family, block)
    const narrower = parts.filter((each) => each < width)
    for (const each of narrower) {
      await this.#disk.remove(join(this.#directory, blockPath(family, block, each)))
    }
    if (parts.length === 0 || narrower.length < parts.length) return
    const directory = dirname(join(this.#directory, blockPath(family, block, 1)))
    this.#made.delete(directory)
    await this.#disk.removeDirectory(directory)
    listed.delete(basename(path) + PART)
  }

  /** First entries of the `persons/` files, ascending. */
  async persons(): Promise<readonly number[]> {
    const files = (await this.#names('persons')).map((name) => parseBlockPath(`persons/${name}`))
    return files.flatMap((file) => (file?.family === 'persons' ? [file.first] : []))
  }

  /** Widths of the partial files of a block, widest first. */
  async #parts(family: Family, block: number): Promise<readonly number[]> {
    const directory = dirname(blockPath(family, block, 1))
    const widths: number[] = []
    for (const name of await this.#names(directory)) {
      const file = parseBlockPath(`${directory}/${name}`)
      if (file !== undefined && file.family !== 'persons') widths.push(file.width)
    }
    return widths.sort((one, other) => other - one)
  }

  async #remember(path: string): Promise<void> {
    const isPart = dirname(path).endsWith(PART)
    const name = isPart ? dirname(path) : path
    const names = await this.#list(dirname(name))
    names.add(basename(name))
  }

  #list(directory: string): Promise<Set<string>> {
    const known = this.#listed.get(directory)
    if (known !== undefined) return known
    const [oldest] = this.#listed.keys()
    if (this.#listed.size >= LISTED_MAX && oldest !== undefined) this.#listed.delete(oldest)
    const names = this.#names(directory).then((found) => new Set(found))
    this.#listed.set(directory, names)
    // Whoever asked has `names`, and is told; nobody after them gets the failure.
    names.catch(() => this.#listed.delete(directory))
    return names
  }

  async #names(path: string): Promise<readonly string[]> {
    try {
      return (await this.#disk.list(join(this.#directory, path))).map(({ name }) => name)
    } catch (error) {
      if (diskErrorCode(error) === 'DISK_NOT_FOUND') return []
      throw error
    }
  }

  async #make(directory: string): Promise<void> {
    if (this.#made.has(directory)) return
    await this.#disk.makeDirectory(directory)
    this.#made.add(directory)
  }
}
