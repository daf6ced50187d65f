import { parseTilePath, TILE_WIDTH, TlogError } from '@countersign/tlog'
import { parseBlockPath } from '../vault/index.ts'
import type { Findings } from './report.ts'

/**
 * The file that begins farthest up the log. A crash or a gateway at work may leave files beyond the
 * checkpoint; nothing vouches for them, they are not read, and the report says so.
 */
export class FarthestFile {
  #first = -1
  #file = ''

  /** Takes note of a file, `path` being relative to the epoch. */
  add(path: string): void {
    const first = firstEntry(path)
    if (first === undefined || first <= this.#first) return
    this.#first = first
    this.#file = path
  }

  audit(size: number, to: Findings): void {
    if (this.#first < Math.max(size, 1)) return
    to.skip('file', `begins beyond checkpoint ${size}, and was not read`, { file: this.#file })
  }
}

/** The first entry that a tile, bundle or block speaks of. */
function firstEntry(path: string): number | undefined {
  const block = parseBlockPath(path)
  if (block !== undefined) return 'first' in block ? block.first : block.block * TILE_WIDTH
  if (!path.startsWith('log/tile/')) return undefined
  try {
    const tile = parseTilePath(path.slice('log/'.length))
    const levels = tile.kind === 'entries' ? 1 : tile.level + 1
    return tile.index * TILE_WIDTH ** levels
  } catch (error) {
    if (error instanceof TlogError) return undefined // What a crash left of a file in the making.
    throw error
  }
}
