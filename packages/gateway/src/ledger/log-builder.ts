import {
  entriesPath,
  HASH_BYTES,
  type Hash,
  hashLeafAt,
  type Sha256,
  TILE_WIDTH,
  type TreeSize,
} from '@countersign/tlog'
import { BundleBuilder } from './bundle-builder.ts'
import type { Edge } from './log-reader.ts'
import { type LogFile, TileBuilder } from './tile-builder.ts'

/** Grows the log in memory: the tiles, and the bundles beside them. */
export class LogBuilder {
  readonly #sha256: Sha256
  readonly #tiles: TileBuilder
  readonly #leafHash = new Uint8Array(HASH_BYTES)
  readonly #bundle: BundleBuilder
  #filled: LogFile[] = []

  constructor(sha256: Sha256, edge: Edge) {
    this.#sha256 = sha256
    this.#tiles = new TileBuilder(sha256, edge)
    this.#bundle = new BundleBuilder(edge.entries)
  }

  get size(): TreeSize {
    return this.#tiles.size
  }

  root(): Hash {
    return this.#tiles.root()
  }

  /** Appends the leaf that stands from `start` to `end`; its bytes are copied. */
  append(from: Uint8Array, start: number, end: number): void {
    hashLeafAt(this.#sha256, { bytes: from, start, end }, this.#leafHash, 0)
    this.#bundle.append(from, start, end)
    this.#tiles.append(this.#leafHash)
    if (!this.#bundle.isFull) return
    const index = this.size / TILE_WIDTH - 1
    this.#filled.push({ path: entriesPath({ index }), bytes: this.#bundle.bytes() })
    this.#bundle.clear()
  }

  /** What was filled since it was last taken. */
  takeFilled(): readonly LogFile[] {
    const bundles = this.#filled
    this.#filled = []
    return [...bundles, ...this.#tiles.takeFilled()]
  }

  /** The unfinished files that gained something since the log had size `since`. */
  partials(since: TreeSize): readonly LogFile[] {
    const tiles = this.#tiles.partials(since)
    if (this.#bundle.width === 0 || this.size === since) return tiles
    const index = Math.floor(this.size / TILE_WIDTH)
    const path = entriesPath({ index, width: this.#bundle.width })
    return [{ path, bytes: this.#bundle.bytes() }, ...tiles]
  }

  edge(): Edge {
    return { ...this.#tiles.edge(), entries: this.#bundle.entries() }
  }
}
