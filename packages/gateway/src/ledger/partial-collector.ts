import {
  entriesPath,
  parseTilePath,
  type TilePath,
  type TreeSize,
  tilePath,
  tileWidthAt,
} from '@countersign/tlog'
import { type Disk, diskErrorCode } from '../platform/index.ts'

const PARTIAL = /^(.*)\.p\/[0-9]+$/
const PARTIAL_DIRECTORY = /^([0-9]{3})\.p$/

/**
 * Removes partial tiles and bundles once the full one is published: it serves for every size below.
 * A crash between publishing and removing leaves partials, which the next start finds again.
 */
export class PartialCollector {
  readonly #disk: Disk
  readonly #directory: string
  /** Paths of full tiles and bundles that have partials beside them. */
  readonly #partial = new Set<string>()

  constructor(disk: Disk, directory: string) {
    this.#disk = disk
    this.#directory = directory
  }

  /** Looks for leftovers where the right edge at `size` is, and just before it. */
  async resume(size: TreeSize): Promise<void> {
    this.#partial.clear()
    for (let level = 0; level === 0 || 256 ** level <= size; level += 1) {
      const index = Math.floor(size / 256 ** (level + 1))
      for (const near of new Set([index, Math.max(0, index - 1)])) {
        await this.#find(tilePath({ level, index: near }))
        if (level === 0) await this.#find(entriesPath({ index: near }))
      }
    }
  }

  wrote(path: string): void {
    const [, full] = PARTIAL.exec(path) ?? []
    if (full !== undefined) this.#partial.add(full)
  }

  /** Returns the directories that are gone. */
  async collect(size: TreeSize): Promise<readonly string[]> {
    const removed: string[] = []
    for (const path of this.#partial) {
      if (!isFullAt(parseTilePath(path), size)) continue
      await this.#remove(`${this.#directory}/${path}.p`)
      this.#partial.delete(path)
      removed.push(`${this.#directory}/${path}.p`)
    }
    return removed
  }

  async #find(path: string): Promise<void> {
    const parent = path.slice(0, path.lastIndexOf('/'))
    for (const name of await this.#names(`${this.#directory}/${parent}`)) {
      const [, full] = PARTIAL_DIRECTORY.exec(name) ?? []
      if (full !== undefined) this.#partial.add(`${parent}/${full}`)
    }
  }

  async #remove(directory: string): Promise<void> {
    const names = await this.#names(directory)
    for (const name of names) await this.#disk.remove(`${directory}/${name}`)
    if (names.length > 0) await this.#disk.removeDirectory(directory)
  }

  async #names(directory: string): Promise<readonly string[]> {
    try {
      return (await this.#disk.list(directory)).map(({ name }) => name)
    } catch (error) {
      if (diskErrorCode(error) === 'DISK_NOT_FOUND') return []
      throw error
    }
  }
}

function isFullAt(tile: TilePath, size: TreeSize): boolean {
  const level = tile.kind === 'tile' ? tile.level : 0
  return tileWidthAt(size, level, tile.index) === 256
}
