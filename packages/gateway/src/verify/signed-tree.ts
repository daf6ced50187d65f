import {
  CompactRange,
  equalHashes,
  HASH_BYTES,
  type Hash,
  type Sha256,
  TILE_WIDTH,
  type TreeSize,
  tileWidthAt,
} from '@countersign/tlog'
import type { Group, TileReader } from './stored-tile.ts'
import type { Dispute } from './tree-audit.ts'
import { groupKey } from './tree-audit.ts'

export interface SignedTreeOptions {
  readonly sha256: Sha256
  readonly reader: TileReader
  readonly size: TreeSize
  readonly root: Hash
  readonly disputes: ReadonlyMap<string, Dispute>
}

/**
 * The tree as it was signed, as far as what is stored still tells it.
 *
 * A hash counts as signed when it leads to the signed root: the right edge all together, every full
 * tile by the hash of it that stands in the tile above. So one intact copy of a group, in a tile or
 * in a bundle, is enough to tell which of its other copies were changed, and where.
 */
export class SignedTree {
  readonly #options: SignedTreeOptions
  readonly #edge: ReadonlyMap<string, Uint8Array>
  readonly #known = new Map<string, Uint8Array | undefined>()

  private constructor(options: SignedTreeOptions, edge: ReadonlyMap<string, Uint8Array>) {
    this.#options = options
    this.#edge = edge
  }

  /** Undefined where no combination of what is stored leads to the signed root. */
  static async open(options: SignedTreeOptions): Promise<SignedTree | undefined> {
    const groups = edgeOf(options.size)
    const candidates: (readonly Uint8Array[])[] = []
    for (const group of groups) candidates.push(await candidatesOf(options, group))
    for (const choice of choices(candidates)) {
      if (!equalHashes(edgeRoot(options.sha256, options.size, choice), options.root)) continue
      const keys = groups.map(({ level, index }) => groupKey(level, index))
      return new SignedTree(options, new Map(keys.map((key, at) => [key, choice[at] ?? EMPTY])))
    }
    return undefined
  }

  /** The hashes of a group as signed; undefined where no copy of it is left that leads there. */
  async hashes(group: Group): Promise<Uint8Array | undefined> {
    const key = groupKey(group.level, group.index)
    if (group.width < TILE_WIDTH) return this.#edge.get(key)
    if (!this.#known.has(key)) this.#known.set(key, await this.#below(group))
    return this.#known.get(key)
  }

  async #below(group: Group): Promise<Uint8Array | undefined> {
    const { level, index } = group
    const upper = Math.floor(index / TILE_WIDTH)
    const width = tileWidthAt(this.#options.size, level + 1, upper)
    const above = await this.hashes({ level: level + 1, index: upper, width })
    if (above === undefined) return undefined
    const at = (index % TILE_WIDTH) * HASH_BYTES
    const signed = above.subarray(at, at + HASH_BYTES)
    const leadsThere = (each: Uint8Array): boolean =>
      equalHashes(rootOf(this.#options.sha256, each), signed)
    const found = (await candidatesOf(this.#options, group)).find(leadsThere)
    if (found !== undefined || level === 0) return found
    const made = await madeFromTiles(this.#options, group)
    return made !== undefined && leadsThere(made) ? made : undefined
  }
}

/** What the tiles below add up to, entries aside; undefined where one of them is not there. */
async function madeFromTiles(
  { sha256, reader }: SignedTreeOptions,
  { level, index, width }: Group,
): Promise<Uint8Array | undefined> {
  const made = new Uint8Array(width * HASH_BYTES)
  for (let at = 0; at < width; at += 1) {
    const child = { level: level - 1, index: index * TILE_WIDTH + at, width: TILE_WIDTH }
    const { hashes } = await reader.tile(child)
    if (hashes === undefined) return undefined
    made.set(rootOf(sha256, hashes), at * HASH_BYTES)
  }
  return made
}

const EMPTY = new Uint8Array(0)

/** What may be the hashes of a group: every whole telling of it that is not told yet. */
async function candidatesOf(
  { disputes, reader }: SignedTreeOptions,
  group: Group,
): Promise<readonly Uint8Array[]> {
  const dispute = disputes.get(groupKey(group.level, group.index))
  const tellings = dispute?.tellings ?? [await reader.tile(group)]
  return tellings.flatMap(({ hashes }) =>
    hashes?.length === group.width * HASH_BYTES ? [hashes] : [],
  )
}

/** The unfinished tiles on the right edge of a tree, the highest level first. */
function edgeOf(size: TreeSize): readonly Group[] {
  const groups: Group[] = []
  for (let level = 0; size >= TILE_WIDTH ** level; level += 1) {
    const count = Math.floor(size / TILE_WIDTH ** level)
    const width = count % TILE_WIDTH
    if (width > 0) groups.unshift({ level, index: Math.floor(count / TILE_WIDTH), width })
  }
  return groups
}

/** A tree has few levels and each level few copies, unless somebody made many to keep us busy. */
const CHOICES_MAX = 1_024

/** The ways to pick one of each, up to a number of them. */
function choices(of: readonly (readonly Uint8Array[])[]): readonly (readonly Uint8Array[])[] {
  return of.reduce<readonly (readonly Uint8Array[])[]>(
    (made, next) => combined(made, next).slice(0, CHOICES_MAX),
    [[]],
  )
}

function combined(
  made: readonly (readonly Uint8Array[])[],
  next: readonly Uint8Array[],
): readonly (readonly Uint8Array[])[] {
  return next.flatMap((each) => made.map((chosen) => [...chosen, each]))
}

/** The root that the hashes on the right edge lead to. */
function edgeRoot(sha256: Sha256, size: TreeSize, edge: readonly Uint8Array[]): Hash {
  const hashes = edge.flatMap((tile) => perfectRoots(sha256, tile))
  return new CompactRange(sha256, { size, hashes }).root()
}

/** The roots of the perfect subtrees of a part of a level, the largest first. */
function perfectRoots(sha256: Sha256, hashes: Uint8Array): readonly Hash[] {
  return rangeOver(sha256, hashes).hashes()
}

function rootOf(sha256: Sha256, hashes: Uint8Array): Hash {
  return rangeOver(sha256, hashes).root()
}

/** Inner nodes are hashed alike on every level, so a range counts a level's nodes as leaves. */
function rangeOver(sha256: Sha256, hashes: Uint8Array): CompactRange {
  const range = new CompactRange(sha256)
  for (let at = 0; at < hashes.length; at += HASH_BYTES) {
    range.appendFrom(hashes, at)
  }
  return range
}
