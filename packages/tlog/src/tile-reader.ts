import { TlogError } from './error.ts'
import { HASH_BYTES, type Hash, hashNode, type Sha256 } from './hash.ts'
import type { TreeSize } from './numbers.ts'
import type { HashReader, TreeNode } from './proof.ts'
import { TILE_WIDTH, tilePath, tileWidthAt } from './tile.ts'

/** A full tile holds this many levels of the tree; it stores the lowest of them. */
const TILE_LEVELS = 8

/** Where tiles come from: a directory, a server, a map in a test. */
export interface TileSource {
  readonly sha256: Sha256
  /** The size of a tree that was published, so that its tiles are there. */
  readonly size: TreeSize
  /** Returns the bytes at a path below the log's prefix; undefined when nothing is there. */
  readTile(path: string): Promise<Uint8Array | undefined>
}

/**
 * Returns a reader that takes the hashes of a tree from its tiles. It asks for partial tiles at
 * their width in the tree, and for the full tile where that one is gone.
 *
 * Tiles are not authenticated: what is made from them must be verified against a checkpoint.
 * Reading throws TLOG_TILE_MISSING, TLOG_TILE_LENGTH, TLOG_PROOF_RANGE, and what `readTile` throws.
 *
 * @see C2SP tlog-tiles, "Partial Tiles"
 */
export function tileHashReader(source: TileSource): HashReader {
  return {
    read(nodes) {
      const tiles = new Map<string, Promise<Uint8Array>>()
      return Promise.all(nodes.map((node) => readNode(source, tiles, node)))
    },
  }
}

async function readNode(
  source: TileSource,
  tiles: Map<string, Promise<Uint8Array>>,
  node: TreeNode,
): Promise<Hash> {
  const level = Math.floor(node.level / TILE_LEVELS)
  const count = 2 ** (node.level % TILE_LEVELS)
  const first = node.index * count
  const index = Math.floor(first / TILE_WIDTH)
  const width = tileWidthAt(source.size, level, index)
  const offset = first - index * TILE_WIDTH
  if (offset + count > width) {
    const message = `node ${node.index} of level ${node.level} is not in a tree of ${source.size}`
    throw new TlogError('TLOG_PROOF_RANGE', message)
  }
  const key = `${level}/${index}`
  const tile = tiles.get(key) ?? loadTile(source, { level, index, width })
  tiles.set(key, tile)
  return fold(source.sha256, await tile, offset, count)
}

async function loadTile(
  source: TileSource,
  tile: { readonly level: number; readonly index: number; readonly width: number },
): Promise<Uint8Array> {
  for (const width of new Set([tile.width, TILE_WIDTH])) {
    const path = tilePath({ ...tile, width })
    const bytes = await source.readTile(path)
    if (bytes?.length === width * HASH_BYTES) return bytes
    if (bytes === undefined) continue
    throw new TlogError('TLOG_TILE_LENGTH', `${path} is ${bytes.length} bytes long`)
  }
  throw new TlogError('TLOG_TILE_MISSING', `${tilePath(tile)} is missing, and so is the full tile`)
}

/** The root over `count` neighbouring hashes of a tile; `count` is a power of two. */
function fold(sha256: Sha256, tile: Uint8Array, offset: number, count: number): Hash {
  if (count === 1) return tile.slice(offset * HASH_BYTES, (offset + 1) * HASH_BYTES)
  const half = count / 2
  const left = fold(sha256, tile, offset, half)
  return hashNode(sha256, left, fold(sha256, tile, offset + half, half))
}
