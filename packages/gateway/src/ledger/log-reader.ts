import {
  bundleOf,
  CompactRange,
  decodeBundle,
  encodeBundle,
  entriesPath,
  equalHashes,
  type Hash,
  hashBundle,
  type LeafIndex,
  type Sha256,
  TlogError,
  type TreeNode,
  type TreeSize,
  tileHashReader,
  tilePath,
  tileWidthAt,
} from '@countersign/tlog'
import { type Disk, diskErrorCode } from '../platform/index.ts'
import { LedgerError } from './error.ts'
import { CHECKPOINT_NAME, VKEYS_NAME } from './layout.ts'

const TILE_BYTES_MAX = 8_192
/** 256 entries of 65,535 bytes, each behind its length. */
const BUNDLE_BYTES_MAX = 16_777_472
const CHECKPOINT_BYTES_MAX = 1_000_000
const VKEYS_BYTES_MAX = 1_000_000

/** The read side of a log directory. It trusts nothing that it reads, and changes nothing. */
export class LogReader {
  readonly directory: string
  readonly #disk: Disk

  constructor(disk: Disk, directory: string) {
    this.#disk = disk
    this.directory = directory
  }

  /** The published checkpoint as it stands there, its signatures not checked. */
  readCheckpoint(): Promise<Uint8Array | undefined> {
    return this.#read(CHECKPOINT_NAME, CHECKPOINT_BYTES_MAX)
  }

  /** The epoch's verifier keys, one a line. */
  async readVkeys(): Promise<readonly string[] | undefined> {
    const bytes = await this.#read(VKEYS_NAME, VKEYS_BYTES_MAX)
    if (bytes === undefined) return undefined
    return new TextDecoder().decode(bytes).split('\n').slice(0, -1)
  }

  /** A tile at a path of `tilePath`; undefined when there is none. */
  readTile(path: string): Promise<Uint8Array | undefined> {
    return this.#read(path, TILE_BYTES_MAX)
  }

  /** A bundle at `width` in a tree that may have filled it since. */
  async readBundle(index: number, width: number): Promise<readonly Uint8Array[] | undefined> {
    const exact = await this.#read(entriesPath({ index, width }), BUNDLE_BYTES_MAX)
    if (exact !== undefined) return decodeBundle(exact, width)
    const full = await this.#read(entriesPath({ index }), BUNDLE_BYTES_MAX)
    return full === undefined ? undefined : decodeBundle(full, 256).slice(0, width)
  }

  /** One leaf of a tree of `size`. */
  async readLeaf(index: LeafIndex, size: TreeSize): Promise<Uint8Array | undefined> {
    const bundle = bundleOf(index)
    const entries = await this.readBundle(bundle.index, tileWidthAt(size, 0, bundle.index))
    return entries?.[bundle.offset]
  }

  async #read(path: string, bytesMax: number): Promise<Uint8Array | undefined> {
    try {
      return await this.#disk.read(`${this.directory}/${path}`, bytesMax)
    } catch (error) {
      if (diskErrorCode(error) === 'DISK_NOT_FOUND') return undefined
      throw error
    }
  }
}

/** The right edge of the tree at one size: all that is needed to let it grow. */
export interface Edge {
  readonly size: TreeSize
  /** Of the compact range, the largest subtree first. */
  readonly hashes: readonly Hash[]
  /** Hashes of the unfinished tile of each level, from level 0; empty where there is none. */
  readonly tiles: readonly Uint8Array[]
  /** Entries of the unfinished bundle. */
  readonly entries: readonly Uint8Array[]
}

export const EMPTY_EDGE: Edge = { size: 0 as TreeSize, hashes: [], tiles: [], entries: [] }

/**
 * Recomputes the edge, and with it the root, from the tiles. Throws LEDGER_ROLLED_BACK where the
 * files do not reach `size`, LEDGER_DAMAGED where the unfinished bundle does not hash to the tile.
 */
export async function readEdge(reader: LogReader, sha256: Sha256, size: TreeSize): Promise<Edge> {
  const hashes = await readHashes(reader, sha256, size)
  const tiles: Uint8Array[] = []
  for (let level = 0; 256 ** level <= size; level += 1) {
    tiles.push(await readUnfinishedTile(reader, size, level))
  }
  const entries = await readUnfinishedBundle(reader, size)
  const edge = { size, hashes, tiles, entries }
  assertBundleHashes(reader, sha256, edge)
  return edge
}

async function readHashes(
  reader: LogReader,
  sha256: Sha256,
  size: TreeSize,
): Promise<readonly Hash[]> {
  const source = { sha256, size, readTile: (path: string) => reader.readTile(path) }
  try {
    return await tileHashReader(source).read(perfectSubtrees(size))
  } catch (cause) {
    if (!(cause instanceof TlogError)) throw cause
    const code = cause.code === 'TLOG_TILE_MISSING' ? 'LEDGER_ROLLED_BACK' : 'LEDGER_DAMAGED'
    const message = `${reader.directory}: tiles do not hold a tree of ${size}: ${cause.message}`
    throw new LedgerError(code, message, { cause })
  }
}

export function edgeRoot(sha256: Sha256, edge: Edge): Hash {
  return new CompactRange(sha256, edge).root()
}

/** The nodes of the compact range at `size`, the largest first. */
function perfectSubtrees(size: TreeSize): readonly TreeNode[] {
  const nodes: TreeNode[] = []
  let end: number = size
  for (let level = 0; end > 0; level += 1) {
    const width = 2 ** level
    if (Math.floor(end / width) % 2 === 0) continue
    end -= width
    nodes.unshift({ level, index: end / width })
  }
  return nodes
}

async function readUnfinishedTile(
  reader: LogReader,
  size: TreeSize,
  level: number,
): Promise<Uint8Array> {
  const count = Math.floor(size / 256 ** level)
  const [index, width] = [Math.floor(count / 256), count % 256]
  if (width === 0) return new Uint8Array(0)
  const exact = await reader.readTile(tilePath({ level, index, width }))
  const tile = exact ?? (await reader.readTile(tilePath({ level, index })))
  if (tile !== undefined && tile.length >= width * 32) return tile.slice(0, width * 32)
  throw missing(reader, tilePath({ level, index, width }))
}

async function readUnfinishedBundle(
  reader: LogReader,
  size: TreeSize,
): Promise<readonly Uint8Array[]> {
  const [index, width] = [Math.floor(size / 256), size % 256]
  if (width === 0) return []
  const entries = await reader.readBundle(index, width).catch((cause: unknown) => {
    if (!(cause instanceof TlogError)) throw cause
    const message = `${reader.directory}/${entriesPath({ index, width })}: ${cause.message}`
    throw new LedgerError('LEDGER_DAMAGED', message, { cause })
  })
  if (entries !== undefined) return entries.map((entry) => entry.slice())
  throw missing(reader, entriesPath({ index, width }))
}

function assertBundleHashes(reader: LogReader, sha256: Sha256, { entries, tiles }: Edge): void {
  if (entries.length === 0) return
  const hashes = hashBundle(sha256, encodeBundle(entries), entries.length)
  if (equalHashes(hashes, tiles[0] ?? new Uint8Array(0))) return
  const message = `${reader.directory}: the last bundle does not hash to the last tile`
  throw new LedgerError('LEDGER_DAMAGED', message)
}

function missing(reader: LogReader, path: string): LedgerError {
  return new LedgerError('LEDGER_ROLLED_BACK', `${reader.directory}/${path} is missing`)
}
