import { TlogError } from './error.ts'
import { type LeafIndex, quote, type TreeSize } from './numbers.ts'

/** How many hashes a full tile holds, and how many entries a full bundle. */
export const TILE_WIDTH = 256

/** The highest level that a tile path may name. */
export const TILE_LEVEL_MAX = 63

/** One tile: hashes `256 * index` … of tree level `8 * level`. Full where `width` is absent. */
export interface TileCoordinate {
  readonly level: number
  readonly index: number
  /** 1 to 256; 256 and absence both mean the full tile. */
  readonly width?: number
}

/** One bundle: entries `256 * index` …. Full where `width` is absent. */
export interface BundleCoordinate {
  readonly index: number
  /** 1 to 256; 256 and absence both mean the full bundle. */
  readonly width?: number
}

/** A tile or a bundle whose width is written out. */
export type Sized<Coordinate> = Coordinate & { readonly width: number }

/** What a path below the log's prefix names. */
export type TilePath =
  | ({ readonly kind: 'tile' } & Sized<TileCoordinate>)
  | ({ readonly kind: 'entries' } & Sized<BundleCoordinate>)

/**
 * Returns the path of a tile, as `tile/0/x001/x234/067` or `tile/1/000.p/17`.
 *
 * @throws TlogError TLOG_NUMBER_RANGE, TLOG_WIDTH_RANGE
 * @see C2SP tlog-tiles, "Merkle Tree"
 */
export function tilePath({ level, index, width }: TileCoordinate): string {
  if (!Number.isInteger(level) || level < 0 || level > TILE_LEVEL_MAX) {
    throw new TlogError('TLOG_NUMBER_RANGE', `tile level ${level} is not within 0 to 63`)
  }
  return `tile/${level}/${indexPath(index, width)}`
}

/**
 * Returns the path of an entry bundle, as `tile/entries/273.p/112`.
 *
 * @throws TlogError TLOG_NUMBER_RANGE, TLOG_WIDTH_RANGE
 * @see C2SP tlog-tiles, "Log Entries"
 */
export function entriesPath({ index, width }: BundleCoordinate): string {
  return `tile/entries/${indexPath(index, width)}`
}

const TILE_PATH =
  /^tile\/(entries|0|[1-9][0-9]?)\/((?:x[0-9]{3}\/)*[0-9]{3})(?:\.p\/([1-9][0-9]{0,2}))?$/

/**
 * Returns what `path` names. Accepts exactly what `tilePath` and `entriesPath` return.
 *
 * @throws TlogError TLOG_TILE_PATH
 */
export function parseTilePath(path: string): TilePath {
  const [, where = '', groups = '', widthText] = TILE_PATH.exec(path) ?? []
  const index = Number(groups.replaceAll(/[x/]/g, ''))
  const width = widthText === undefined ? TILE_WIDTH : Number(widthText)
  const tile: TilePath =
    where === 'entries'
      ? { kind: 'entries', index, width }
      : { kind: 'tile', level: Number(where), index, width }
  if (groups === '' || !isCanonical(tile, path)) {
    throw new TlogError('TLOG_TILE_PATH', `${quote(path)} names no tile and no entry bundle`)
  }
  return tile
}

/**
 * Returns how many hashes tile (`level`, `index`) holds in a tree of `size`: 256 where it is full,
 * 0 where it must not exist.
 */
export function tileWidthAt(size: TreeSize, level: number, index: number): number {
  const hashes = Math.floor(size / TILE_WIDTH ** level)
  return Math.max(0, Math.min(TILE_WIDTH, hashes - index * TILE_WIDTH))
}

/**
 * Lists the tiles to write when the published tree grows from `oldSize` to `newSize`, level by
 * level: those that gained a hash, each at its width in the new tree.
 */
export function* tilesBetween(
  oldSize: TreeSize,
  newSize: TreeSize,
): Generator<Sized<TileCoordinate>, void, undefined> {
  for (let level = 0; level <= TILE_LEVEL_MAX; level += 1) {
    const oldCount = Math.floor(oldSize / TILE_WIDTH ** level)
    const newCount = Math.floor(newSize / TILE_WIDTH ** level)
    if (newCount === 0 || newCount <= oldCount) return
    for (const tile of grown(oldCount, newCount)) yield { level, ...tile }
  }
}

/**
 * Lists the entry bundles to write when the published tree grows from `oldSize` to `newSize`:
 * those that gained an entry, each at its width in the new tree.
 */
export function* bundlesBetween(
  oldSize: TreeSize,
  newSize: TreeSize,
): Generator<Sized<BundleCoordinate>, void, undefined> {
  if (newSize > oldSize) yield* grown(oldSize, newSize)
}

/** Returns the bundle, and the place in it, at which entry `index` stands. */
export function bundleOf(index: LeafIndex): { readonly index: number; readonly offset: number } {
  return { index: Math.floor(index / TILE_WIDTH), offset: index % TILE_WIDTH }
}

function* grown(
  oldCount: number,
  newCount: number,
): Generator<Sized<BundleCoordinate>, void, undefined> {
  const last = Math.floor((newCount - 1) / TILE_WIDTH)
  for (let index = Math.floor(oldCount / TILE_WIDTH); index <= last; index += 1) {
    yield { index, width: Math.min(TILE_WIDTH, newCount - index * TILE_WIDTH) }
  }
}

/** Groups of three digits, all but the last marked by x: 1234067 is x001/x234/067. */
function indexPath(index: number, width: number = TILE_WIDTH): string {
  if (!Number.isSafeInteger(index) || index < 0) {
    throw new TlogError('TLOG_NUMBER_RANGE', `tile index ${index} is not within 0 to 2^53 - 1`)
  }
  assertWidth(width)
  const digits = String(index)
  const padded = digits.padStart(Math.ceil(digits.length / 3) * 3, '0')
  const path = padded.replaceAll(/([0-9]{3})(?=[0-9])/g, 'x$1/')
  return width === TILE_WIDTH ? path : `${path}.p/${width}`
}

function isCanonical(tile: TilePath, path: string): boolean {
  if (!Number.isSafeInteger(tile.index) || tile.width > TILE_WIDTH) return false
  if (tile.kind === 'entries') return entriesPath(tile) === path
  return tile.level <= TILE_LEVEL_MAX && tilePath(tile) === path
}

/**
 * Refuses a width outside 1 to 256.
 *
 * @throws TlogError TLOG_WIDTH_RANGE
 */
export function assertWidth(width: number): void {
  if (Number.isInteger(width) && width >= 1 && width <= TILE_WIDTH) return
  throw new TlogError('TLOG_WIDTH_RANGE', `width ${width} is not within 1 to ${TILE_WIDTH}`)
}
