import type { Disk } from '../platform/index.ts'
import { BLOCK_ENTRIES, blockPath, type Family, parseBlockPath } from '../vault/index.ts'
import type { Findings } from './report.ts'

/** A file of a block that was not full when it was written. */
interface Narrow {
  readonly family: Family
  readonly block: number
  readonly width: number
}

/**
 * Files of blocks beside a wider one. A block is read from its widest file; a narrower one is what
 * a crash, or a gateway at work, has not removed yet. Nobody reads it, and the report says so.
 */
export class NarrowBlocks {
  readonly #narrow: Narrow[] = []
  /** By the path of the whole block. */
  readonly #widest = new Map<string, number>()

  /** Takes note of a file, `path` being relative to the epoch. */
  add(path: string): void {
    const file = parseBlockPath(path)
    if (file === undefined || file.family === 'persons' || file.width === BLOCK_ENTRIES) return
    const whole = blockPath(file.family, file.block)
    this.#narrow.push(file)
    this.#widest.set(whole, Math.max(file.width, this.#widest.get(whole) ?? 0))
  }

  /** `directory`: the epoch's. */
  async audit(disk: Disk, directory: string, to: Findings): Promise<void> {
    for (const { family, block, width } of this.#narrow) {
      const whole = blockPath(family, block)
      const isWidest = width === this.#widest.get(whole)
      if (isWidest && (await disk.stat(`${directory}/${whole}`)) === undefined) continue
      const file = blockPath(family, block, width)
      to.skip('file', 'was not read: there is a wider file of its block', { file })
    }
  }
}
