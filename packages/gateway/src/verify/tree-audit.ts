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
import { BundleEntries } from './bundle-entries.ts'
import type { Group, Telling, TileReader } from './stored-tile.ts'

/** A root that was signed for a size: the published checkpoint, or an earlier one that is kept. */
export interface SignedRoot {
  readonly size: number
  readonly root: Hash
  readonly file: string
}

/** The tellings of one group, where they do not agree. */
export interface Dispute {
  readonly group: Group
  readonly tellings: readonly Telling[]
}

/** What the entries add up to. */
export interface TreeFacts {
  /** The root over the entries; undefined where some could not be read at all. */
  readonly root: Hash | undefined
  readonly disputes: ReadonlyMap<string, Dispute>
  /** How many disputes there were beyond those kept. */
  readonly disputesDropped: number
  /** Earlier signed roots that the entries do not lead to, oldest first. */
  readonly unmatched: readonly SignedRoot[]
  /** The newest signed size up to which the entries are right. */
  readonly matchedSize: number
}

/** What the log holds of one bundle: the entries where they can be read, and the tile's hashes. */
export interface BundleFacts {
  readonly width: number
  readonly entries: BundleEntries | undefined
  readonly hashes: Uint8Array | undefined
}

export type OnBundle = (index: number, facts: BundleFacts) => Promise<void>

export interface TreeAuditOptions {
  readonly sha256: Sha256
  readonly reader: TileReader
  readonly size: TreeSize
  /** Which files stand for a group that grew: the widths of its partial files, 256 the full one. */
  readonly widths: (by: 'tile' | 'entries', level: number, index: number) => readonly number[]
  /** Earlier signed roots in ascending order of size, none beyond `size`. */
  readonly signed: AsyncIterator<SignedRoot>
  readonly onBundle?: OnBundle
  readonly onProgress?: (entries: number) => void
}

/** Each dispute holds its files' hashes in memory until it is resolved. */
export const DISPUTES_MAX = 256
/** Files of one group that are held beside its tile and bundle. */
export const OTHER_FILES_MAX = 8
/** What disputes hold of files that are no bundles, to tell how far they are right. */
const DISPUTED_BYTES_MAX = 64 * 1024 * 1024
/** How many bundles are read while one is hashed. */
const READ_AHEAD = 4

export function groupKey(level: number, index: number): string {
  return `${level}/${index}`
}

/**
 * Re-reads and re-hashes every entry and every tile below `size`, in one pass and in bounded
 * memory. It does not judge: it says what the entries add up to and where files contradict each
 * other, and the blame is laid by whoever knows the signed root.
 */
export class TreeAudit {
  readonly #options: TreeAuditOptions
  readonly #range: CompactRange
  readonly #disputes = new Map<string, Dispute>()
  readonly #unmatched: SignedRoot[] = []
  /** Per level from 1 on: the hashes that the level below completed, for the tile being filled. */
  readonly #filling: Uint8Array[] = []
  #finished: Group[] = []
  #dropped = 0
  #disputedBytes = 0
  #matchedSize = 0
  #broken = false
  #next: SignedRoot | undefined

  constructor(options: TreeAuditOptions) {
    this.#options = options
    this.#range = new CompactRange(options.sha256)
  }

  async run(): Promise<TreeFacts> {
    const { size, onProgress } = this.#options
    await this.#advanceSigned()
    await this.#matchSigned()
    const count = Math.ceil(size / TILE_WIDTH)
    const ahead: Promise<BundleRead>[] = []
    for (let index = 0; index < count; index += 1) {
      while (ahead.length < READ_AHEAD && index + ahead.length < count) {
        ahead.push(guarded(this.#readBundle(index + ahead.length)))
      }
      const read = await ahead.shift()
      if (read !== undefined) await this.#bundle(read)
      // Nothing more can be concluded; a checkpoint may claim more entries than can be counted.
      if (this.#broken && this.#dropped > 0) break
      onProgress?.(Math.min(size, (index + 1) * TILE_WIDTH))
    }
    await this.#edges()
    return {
      root: this.#broken ? undefined : this.#range.root(),
      disputes: this.#disputes,
      disputesDropped: this.#dropped,
      unmatched: this.#unmatched,
      matchedSize: this.#matchedSize,
    }
  }

  async #readBundle(index: number): Promise<BundleRead> {
    const { reader, size } = this.#options
    const group = { level: 0, index, width: tileWidthAt(size, 0, index) }
    const [entries, tile] = await Promise.all([reader.entries(group), reader.tile(group)])
    return { group, entries, tile }
  }

  async #bundle({ group, entries, tile }: BundleRead): Promise<void> {
    await this.#compare(group, [entries, tile])
    const { onBundle } = this.#options
    if (onBundle !== undefined) {
      const { index, width } = group
      await onBundle(index, { width, entries: entriesOf(entries, width), hashes: tile.hashes })
    }
    const hashes = entries.hashes ?? tile.hashes
    if (hashes === undefined) this.#broken = true
    if (hashes === undefined || this.#broken) return
    await this.#append(hashes)
    for (const finished of this.#finished.splice(0)) await this.#tile(finished)
  }

  async #append(hashes: Uint8Array): Promise<void> {
    for (let at = 0; at < hashes.length; at += HASH_BYTES) {
      this.#range.appendFrom(hashes, at, this.#emit)
      if (this.#next?.size === this.#range.size) await this.#matchSigned()
    }
  }

  /** Keeps the hashes that tiles of level 1 and up store: every eighth level of the tree. */
  readonly #emit = (level: number, index: number, hash: Hash): void => {
    if (level === 0 || level % 8 !== 0) return
    const tileLevel = level / 8
    const place = index % TILE_WIDTH
    this.#filling[tileLevel] ??= new Uint8Array(TILE_WIDTH * HASH_BYTES)
    this.#filling[tileLevel]?.set(hash, place * HASH_BYTES)
    if (place < TILE_WIDTH - 1) return
    this.#finished.push({
      level: tileLevel,
      index: Math.floor(index / TILE_WIDTH),
      width: TILE_WIDTH,
    })
  }

  /** The tiles on the right edge, which the size leaves unfinished. */
  async #edges(): Promise<void> {
    for (let level = 1; !this.#broken && level < this.#filling.length; level += 1) {
      const hashes = Math.floor(this.#options.size / TILE_WIDTH ** level)
      const width = hashes % TILE_WIDTH
      if (width > 0) await this.#tile({ level, index: Math.floor(hashes / TILE_WIDTH), width })
    }
  }

  async #tile(group: Group): Promise<void> {
    const filled = this.#filling[group.level] ?? new Uint8Array(0)
    const hashes = filled.slice(0, group.width * HASH_BYTES)
    const stored = await this.#options.reader.tile(group)
    await this.#compare(group, [{ by: 'computed', file: '', hashes }, stored])
  }

  /** All tellings of a group must agree; where a file is shorter, on what it tells. */
  async #compare(group: Group, main: readonly Telling[]): Promise<void> {
    const tellings = [...main, ...(await this.#otherFiles(group, main))]
    const [first] = main
    if (tellings.every((each) => first !== undefined && agree(first, each))) return
    if (this.#disputes.size < DISPUTES_MAX) {
      const held = tellings.map((each) => this.#held(each))
      this.#disputes.set(groupKey(group.level, group.index), { group, tellings: held })
    } else this.#dropped += 1
  }

  /** Bytes are for telling how far a bundle is right that is none; there may be too many. */
  #held(telling: Telling): Telling {
    const { bytes, ...rest } = telling
    const size = telling.hashes === undefined ? (bytes?.length ?? 0) : 0
    if (size === 0 || this.#disputedBytes + size > DISPUTED_BYTES_MAX) return rest
    this.#disputedBytes += size
    return telling
  }

  async #otherFiles(group: Group, main: readonly Telling[]): Promise<readonly Telling[]> {
    const { reader, widths } = this.#options
    const files: Telling[] = []
    for (const by of ['entries', 'tile'] as const) {
      if (by === 'entries' && group.level > 0) continue
      for (const width of widths(by, group.level, group.index)) {
        const other = await reader.file(group, by, width)
        const seen = main.some(({ file }) => file === other?.file)
        if (other === undefined || seen) continue
        const [first] = main
        const agrees = first !== undefined && agree(first, other)
        if (!agrees && files.length < OTHER_FILES_MAX) files.push(other)
      }
    }
    return files
  }

  async #matchSigned(): Promise<void> {
    for (let signed = this.#next; signed?.size === this.#range.size; signed = this.#next) {
      if (!equalHashes(this.#range.root(), signed.root)) this.#unmatched.push(signed)
      else if (this.#unmatched.length === 0) this.#matchedSize = signed.size
      await this.#advanceSigned()
    }
  }

  async #advanceSigned(): Promise<void> {
    const next = await this.#options.signed.next()
    this.#next = next.done === true ? undefined : next.value
  }
}

interface BundleRead {
  readonly group: Group
  readonly entries: Telling
  readonly tile: Telling
}

/** A read that fails while another one is awaited is thrown when its turn comes, not before. */
function guarded<Value>(promise: Promise<Value>): Promise<Value> {
  promise.catch(() => undefined)
  return promise
}

function agree(one: Telling, other: Telling): boolean {
  if (one.hashes === undefined || other.hashes === undefined) return false
  const length = Math.min(one.hashes.length, other.hashes.length)
  return Buffer.compare(one.hashes.subarray(0, length), other.hashes.subarray(0, length)) === 0
}

function entriesOf(telling: Telling, width: number): BundleEntries | undefined {
  if (telling.bytes === undefined || telling.hashes === undefined) return undefined
  return new BundleEntries(telling.bytes, width)
}
