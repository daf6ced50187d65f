import {
  CompactRange,
  encodeBundle,
  entriesPath,
  HASH_BYTES,
  type Hash,
  hashLeafInto,
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
 * Grows the tree in memory and keeps what its growth writes: every tile and bundle that was
 * filled, and on demand the unfinished ones. Written files are a function of edge and entries
 * alone, so the second pass and the next start make the same bytes again.
 */
export class TileBuilder {
  readonly #sha256: Sha256
  readonly #range: CompactRange
  readonly #tiles: UnfinishedTile[]
  readonly #leafHash = new Uint8Array(HASH_BYTES)
  readonly #start: TreeSize
  #entries: Uint8Array[]
  #filled: LogFile[] = []

  constructor(sha256: Sha256, edge: Edge) {
    this.#sha256 = sha256
    this.#start = edge.size
    this.#range = new CompactRange(sha256, edge)
    this.#tiles = edge.tiles.map((hashes, level) => unfinished(edge.size, level, hashes))
    this.#entries = [...edge.entries]
  }

  get size(): TreeSize {
    return this.#range.size
  }

  root(): Hash {
    return this.#range.root()
  }

  /** Appends one leaf; its bytes are kept until its bundle is written. */
  append(leaf: Uint8Array): void {
    this.#entries.push(leaf)
    hashLeafInto(this.#sha256, leaf, this.#leafHash, 0)
    this.#range.append(this.#leafHash, this.#keepNode)
    if (this.#entries.length < TILE_WIDTH) return
    const index = this.size / TILE_WIDTH - 1
    this.#filled.push({ path: entriesPath({ index }), bytes: encodeBundle(this.#entries) })
    this.#entries = []
  }

  /** What was filled since the beginning, or since it was last taken. */
  takeFilled(): readonly LogFile[] {
    const filled = this.#filled
    this.#filled = []
    return filled
  }

  /** The partial tiles and the partial bundle at this size that differ from those at `since`. */
  partials(since: TreeSize = this.#start): readonly LogFile[] {
    const files: LogFile[] = []
    if (this.#entries.length > 0 && this.size > since) {
      const at = { index: Math.floor(this.size / TILE_WIDTH), width: this.#entries.length }
      files.push({ path: entriesPath(at), bytes: encodeBundle(this.#entries) })
    }
    for (const [level, { index, bytes, width }] of this.#tiles.entries()) {
      const before = Math.floor(since / TILE_WIDTH ** level)
      if (width === 0 || before === index * TILE_WIDTH + width) continue
      const path = tilePath({ level, index, width })
      files.push({ path, bytes: bytes.slice(0, width * HASH_BYTES) })
    }
    return files
  }

  /** A copy of the right edge. */
  edge(): Edge {
    return {
      size: this.size,
      hashes: this.#range.hashes(),
      tiles: this.#tiles.map(({ bytes, width }) => bytes.slice(0, width * HASH_BYTES)),
      entries: [...this.#entries],
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
