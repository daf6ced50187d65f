import {
  encodeBundle,
  entriesPath,
  HASH_BYTES,
  type Hash,
  hashLeafInto,
  type Sha256,
  TILE_WIDTH,
  type TreeSize,
} from '@countersign/tlog'
import type { Edge } from './log-reader.ts'
import { type LogFile, TileBuilder } from './tile-builder.ts'

/** Grows the log in memory: the tiles, and the bundles beside them. */
export class LogBuilder {
  readonly #sha256: Sha256
  readonly #tiles: TileBuilder
  readonly #leafHash = new Uint8Array(HASH_BYTES)
  #entries: Uint8Array[]
  #filled: LogFile[] = []

  constructor(sha256: Sha256, edge: Edge) {
    this.#sha256 = sha256
    this.#tiles = new TileBuilder(sha256, edge)
    this.#entries = [...edge.entries]
  }

  get size(): TreeSize {
    return this.#tiles.size
  }

  root(): Hash {
    return this.#tiles.root()
  }

  /** Appends one leaf; its bytes are kept until its bundle is full. */
  append(leaf: Uint8Array): void {
    this.#entries.push(leaf)
    hashLeafInto(this.#sha256, leaf, this.#leafHash, 0)
    this.#tiles.append(this.#leafHash)
    if (this.#entries.length < TILE_WIDTH) return
    const index = this.size / TILE_WIDTH - 1
    this.#filled.push({ path: entriesPath({ index }), bytes: encodeBundle(this.#entries) })
    this.#entries = []
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
    if (this.#entries.length === 0 || this.size === since) return tiles
    const index = Math.floor(this.size / TILE_WIDTH)
    const path = entriesPath({ index, width: this.#entries.length })
    return [{ path, bytes: encodeBundle(this.#entries) }, ...tiles]
  }

  edge(): Edge {
    return { ...this.#tiles.edge(), entries: [...this.#entries] }
  }
}
