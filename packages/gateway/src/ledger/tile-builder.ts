import {
  CompactRange,
  HASH_BYTES,
  type Hash,
  type Sha256,
  TILE_WIDTH,
  type TreeSize,
  tilePath,
} from '@countersign/tlog'
import type { Edge } from './log-reader.ts'

/** A file of the log, by its path below the log's directory. */
export interface LogFile {
  readonly path: string
  readonly bytes: Uint8Array
}

const TREE_LEVELS_PER_TILE = 8

/**
 * Grows the tree in memory, and keeps every tile that its growth fills. The files are a function of
 * the edge and the leaf hashes alone, so the second pass and the next start make the same again.
 */
export class TileBuilder {
  readonly #range: CompactRange
  readonly #tiles: UnfinishedTile[]
  #filled: LogFile[] = []

  constructor(sha256: Sha256, edge: Edge) {
    this.#range = new CompactRange(sha256, edge)
    this.#tiles = edge.tiles.map((hashes, level) => unfinished(edge.size, level, hashes))
  }

  get size(): TreeSize {
    return this.#range.size
  }

  root(): Hash {
    return this.#range.root()
  }

  append(leafHash: Hash): void {
    this.#range.append(leafHash, this.#keepNode)
  }

  /** As `append`, of a hash that stands at `start` among others. */
  appendFrom(hashes: Uint8Array, start: number): void {
    this.#range.appendFrom(hashes, start, this.#keepNode)
  }

  /** What was filled since it was last taken. */
  takeFilled(): readonly LogFile[] {
    const filled = this.#filled
    this.#filled = []
    return filled
  }

  /** The unfinished tiles that gained a hash since the tree had size `since`. */
  partials(since: TreeSize): readonly LogFile[] {
    const files: LogFile[] = []
    for (const [level, { index, bytes, width }] of this.#tiles.entries()) {
      const before = Math.floor(since / TILE_WIDTH ** level)
      if (width === 0 || before === index * TILE_WIDTH + width) continue
      const path = tilePath({ level, index, width })
      files.push({ path, bytes: bytes.slice(0, width * HASH_BYTES) })
    }
    return files
  }

  /** A copy of the right edge, but for the entries. */
  edge(): Omit<Edge, 'entries'> {
    return {
      size: this.size,
      hashes: this.#range.hashes(),
      tiles: this.#tiles.map(({ bytes, width }) => bytes.slice(0, width * HASH_BYTES)),
    }
  }

  readonly #keepNode = (treeLevel: number, index: number, hash: Hash): void => {
    if (treeLevel % TREE_LEVELS_PER_TILE !== 0) return
    const level = treeLevel / TREE_LEVELS_PER_TILE
    const tile = this.#tiles[level] ?? unfinished(0 as TreeSize, level, new Uint8Array(0))
    this.#tiles[level] = tile
    tile.bytes.set(hash, (index % TILE_WIDTH) * HASH_BYTES)
    tile.width += 1
    if (tile.width < TILE_WIDTH) return
    this.#filled.push({ path: tilePath({ level, index: tile.index }), bytes: tile.bytes })
    this.#tiles[level] = { index: tile.index + 1, width: 0, bytes: emptyTile() }
  }
}

interface UnfinishedTile {
  readonly index: number
  readonly bytes: Uint8Array
  width: number
}

function unfinished(size: TreeSize, level: number, hashes: Uint8Array): UnfinishedTile {
  const bytes = emptyTile()
  bytes.set(hashes)
  const index = Math.floor(size / TILE_WIDTH ** (level + 1))
  return { index, bytes, width: hashes.length / HASH_BYTES }
}

function emptyTile(): Uint8Array {
  return new Uint8Array(TILE_WIDTH * HASH_BYTES)
}
