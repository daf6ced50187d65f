import {
  bundlesBetween,
  entriesPath,
  equalHashes,
  HASH_BYTES,
  type Hash,
  hashBundle,
  type Sha256,
  TILE_WIDTH,
  type TreeSize,
  tilePath,
} from '@countersign/tlog'
import type { Disk } from '../platform/index.ts'
import { LedgerError } from './error.ts'
import type { Edge } from './log-reader.ts'
import { type LogFile, TileBuilder } from './tile-builder.ts'

/** Bundles that are being read before it is their turn. */
const BUNDLES_AHEAD_MAX = 4

export interface SecondPassOptions {
  readonly disk: Disk
  /** The epoch's log directory. */
  readonly directory: string
  readonly sha256: Sha256
}

interface StoredBundle {
  readonly index: number
  readonly width: number
  readonly bundle: Uint8Array
  /** The tile of level 0 beside it. */
  readonly tile: LogFile
}

/**
 * Nothing is signed that was not read back and hashed from what was read. Every bundle is hashed
 * whole and compared with its tile, what stood in it before included; what is new grows the tree
 * once more, whose other tiles and whose root must be the same.
 */
export class SecondPass {
  readonly #disk: Disk
  readonly #directory: string
  readonly #sha256: Sha256

  constructor({ disk, directory, sha256 }: SecondPassOptions) {
    this.#disk = disk
    this.#directory = directory
    this.#sha256 = sha256
  }

  /** Throws LEDGER_INTEGRATION when a file does not read back as it was written. */
  async run(settled: Edge, size: TreeSize, root: Hash): Promise<void> {
    const again = new TileBuilder(this.#sha256, settled)
    let last: LogFile | undefined
    for await (const { index, width, bundle, tile } of this.#bundles(settled.size, size)) {
      const hashes = hashBundle(this.#sha256, bundle, width)
      this.#assertSame({ path: tile.path, bytes: hashes }, tile.bytes)
      for (let at = again.size - index * TILE_WIDTH; at < width; at += 1) {
        again.appendFrom(hashes, at * HASH_BYTES)
      }
      for (const file of again.takeFilled()) await this.#compare(file, tile)
      last = tile
    }
    for (const file of again.partials(settled.size)) await this.#compare(file, last)
    if (!equalHashes(again.root(), root)) throw unlike(`root at ${size}`)
  }

  /** In order; the next ones are being read meanwhile. */
  async *#bundles(since: TreeSize, size: TreeSize): AsyncGenerator<StoredBundle, void, undefined> {
    const ahead: Promise<StoredBundle>[] = []
    try {
      for (const { index, width } of bundlesBetween(since, size)) {
        ahead.push(this.#bundle(index, width))
        const next = ahead.length > BUNDLES_AHEAD_MAX ? ahead.shift() : undefined
        if (next !== undefined) yield await next
      }
      for (let next = ahead.shift(); next !== undefined; next = ahead.shift()) yield await next
    } finally {
      await Promise.allSettled(ahead)
    }
  }

  async #bundle(index: number, width: number): Promise<StoredBundle> {
    const path = tilePath({ level: 0, index, width })
    const reads = [this.#read(entriesPath({ index, width })), this.#read(path)] as const
    await Promise.allSettled(reads) // Where one fails, the other is not left under way.
    const [bundle, bytes] = await Promise.all(reads)
    return { index, width, bundle, tile: { path, bytes } }
  }

  /** `read` has been read already. */
  async #compare(file: LogFile, read: LogFile | undefined): Promise<void> {
    this.#assertSame(file, file.path === read?.path ? read.bytes : await this.#read(file.path))
  }

  #assertSame({ path, bytes }: LogFile, stored: Uint8Array): void {
    if (!Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).equals(stored)) {
      throw unlike(`${this.#directory}/${path}`)
    }
  }

  #read(path: string): Promise<Uint8Array> {
    return this.#disk.read(`${this.#directory}/${path}`)
  }
}

function unlike(what: string): LedgerError {
  const message = `second pass: ${what} does not read back as it was written`
  return new LedgerError('LEDGER_INTEGRATION', message)
}
