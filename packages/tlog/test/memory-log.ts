import {
  bundlesBetween,
  CompactRange,
  encodeBundle,
  entriesPath,
  HASH_BYTES,
  hashLeaf,
  type Sha256,
  TILE_WIDTH,
  tilePath,
  tilesBetween,
  treeSize,
} from '../src/index.ts'

/** A log in memory: what a publisher would write, by path. */
export interface MemoryLog {
  readonly root: Uint8Array
  readonly files: ReadonlyMap<string, Uint8Array>
}

/** Writes all tiles and bundles of a log that was published at `sizes` (the last: all entries). */
export function memoryLog(
  sha256: Sha256,
  entries: readonly Uint8Array[],
  sizes: readonly number[] = [entries.length],
): MemoryLog {
  const files = new Map<string, Uint8Array>()
  const range = new CompactRange(sha256)
  const levels: Uint8Array[][] = []
  let published = treeSize(0)
  for (const size of sizes.map(treeSize)) {
    for (const entry of entries.slice(published, size)) {
      range.append(hashLeaf(sha256, entry), (level, _, hash) => {
        if (level % 8 !== 0) return
        levels[level / 8] ??= []
        levels[level / 8]?.push(hash.slice())
      })
    }
    for (const tile of tilesBetween(published, size)) {
      const first = tile.index * TILE_WIDTH
      const hashes = levels[tile.level]?.slice(first, first + tile.width) ?? []
      files.set(tilePath(tile), concatenated(hashes))
    }
    for (const bundle of bundlesBetween(published, size)) {
      const first = bundle.index * TILE_WIDTH
      files.set(entriesPath(bundle), encodeBundle(entries.slice(first, first + bundle.width)))
    }
    published = size
  }
  return { root: range.root(), files }
}

function concatenated(hashes: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(hashes.length * HASH_BYTES)
  for (const [at, hash] of hashes.entries()) bytes.set(hash, at * HASH_BYTES)
  return bytes
}
