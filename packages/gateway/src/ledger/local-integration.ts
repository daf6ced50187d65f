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
import { type Disk, writeFileDurably } from '../platform/index.ts'
import { forEachAtOnce } from './at-once.ts'
import { decodeEntries } from './entry.ts'
import { LedgerError } from './error.ts'
import type { Integration, PlainBatch, Settled } from './integration.ts'
import { LogBuilder } from './log-builder.ts'
import { type Edge, EMPTY_EDGE, edgeRoot, LogReader, readEdge } from './log-reader.ts'
import type { Packer, PackReport, Span } from './packer.ts'
import { PartialCollector } from './partial-collector.ts'
import { type LogFile, TileBuilder } from './tile-builder.ts'

export interface LocalIntegrationOptions {
  readonly disk: Disk
  /** The epoch's log directory. */
  readonly directory: string
  readonly sha256: Sha256
  readonly packer: Packer
}

/** The runtime has four threads for the disk; one stays free for the write-ahead log. */
const FILES_AT_ONCE_MAX = 3

/** Integration in this thread. Owns the log directory's tiles and bundles. */
export class LocalIntegration implements Integration {
  readonly #disk: Disk
  readonly #directory: string
  readonly #sha256: Sha256
  readonly #packer: Packer
  readonly #collector: PartialCollector
  readonly #waiting: PlainBatch[] = []
  readonly #made = new Set<string>()
  #operation: Promise<unknown> = Promise.resolve()
  #operations = 0
  /** The edge that is durable and was read again: every pass begins here. */
  #settled: Edge = EMPTY_EDGE
  #builder: LogBuilder
  #unwritten: LogFile[] = []
  /** What an entry met that could not be integrated; `settle` tells. */
  #failure: unknown

  constructor({ disk, directory, sha256, packer }: LocalIntegrationOptions) {
    this.#disk = disk
    this.#directory = directory
    this.#sha256 = sha256
    this.#packer = packer
    this.#collector = new PartialCollector(disk, directory)
    this.#builder = new LogBuilder(sha256, EMPTY_EDGE)
  }

  resume(size: TreeSize, root: Hash): Promise<void> {
    return this.#inOrder(async () => {
      const edge = await readEdge(new LogReader(this.#disk, this.#directory), this.#sha256, size)
      if (!equalHashes(edgeRoot(this.#sha256, edge), root)) throw forked(this.#directory, size)
      this.#settled = edge
      this.#builder = new LogBuilder(this.#sha256, edge)
      this.#unwritten = []
      await this.#collector.resume(size)
      await this.#packer.resume(size)
    })
  }

  add(batch: PlainBatch): void {
    this.#waiting.push(batch)
    if (this.#operations === 0) this.#catchUp()
  }

  settle(): Promise<Settled> {
    return this.#inOrder(async () => {
      if (this.#failure !== undefined) throw this.#failure
      const edge = this.#builder.edge()
      const root = this.#builder.root()
      this.#unwritten.push(...this.#builder.takeFilled())
      const partials = this.#builder.partials(this.#settled.size)
      await this.#write([...this.#unwritten, ...partials])
      await this.#readAgain(edge.size, root)
      this.#settled = edge
      this.#unwritten = []
      return { size: edge.size, root, reports: await this.#packer.settle(edge.size) }
    })
  }

  closeSegment(span: Span): Promise<readonly PackReport[]> {
    return this.#inOrder(() => this.#packer.closeSegment(span))
  }

  collect(size: TreeSize): Promise<void> {
    return this.#inOrder(async () => {
      for (const directory of await this.#collector.collect(size)) this.#made.delete(directory)
    })
  }

  close(): Promise<void> {
    return this.#inOrder(async () => undefined)
  }

  #catchUp(): void {
    try {
      for (const batch of this.#waiting.splice(0)) this.#integrate(batch)
    } catch (cause) {
      this.#failure ??= cause
    }
  }

  #integrate({ first, count, plain }: PlainBatch): void {
    const entries = decodeEntries(first, count, plain)
    for (const { index, leaf } of entries) {
      if (index < this.#builder.size) continue
      if (index > this.#builder.size) {
        const message = `entry ${index} follows entry ${this.#builder.size - 1}`
        throw new LedgerError('LEDGER_INTEGRATION', message)
      }
      this.#builder.append(leaf)
    }
    this.#packer.add({ first, entries })
  }

  /**
   * Writes every file to a temporary name, flushed, then renamed; directories are flushed once. A
   * crash here leaves temporary files, or tiles beyond the lock's size, which are written again.
   */
  async #write(files: readonly LogFile[]): Promise<void> {
    const directories = new Set(files.map(({ path }) => directoryOf(`${this.#directory}/${path}`)))
    for (const directory of directories) {
      if (!this.#made.has(directory)) await this.#disk.makeDirectory(directory)
      this.#made.add(directory)
    }
    await forEachAtOnce(files, FILES_AT_ONCE_MAX, async ({ path, bytes }) => {
      await writeFileDurably(this.#disk, `${this.#directory}/${path}`, bytes)
      this.#collector.wrote(path)
    })
    for (const directory of directories) await this.#disk.syncDirectory(directory)
  }

  /**
   * The second pass: nothing is signed that was not read back and hashed from what was read. Every
   * bundle is hashed whole and compared with its tile, what stood in it before included; what is
   * new grows the tree once more, whose other tiles and whose root must be the same.
   */
  async #readAgain(size: TreeSize, root: Hash): Promise<void> {
    const since = this.#settled.size
    const again = new TileBuilder(this.#sha256, this.#settled)
    for (const { index, width } of bundlesBetween(since, size)) {
      const bundle = await this.#read(entriesPath({ index, width }))
      const hashes = hashBundle(this.#sha256, bundle, width)
      if (index * TILE_WIDTH < since) {
        await this.#compare({ path: tilePath({ level: 0, index, width }), bytes: hashes })
      }
      for (let at = again.size - index * TILE_WIDTH; at < width; at += 1) {
        again.append(hashes.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES))
      }
      for (const file of again.takeFilled()) await this.#compare(file)
    }
    for (const file of again.partials(since)) await this.#compare(file)
    if (!equalHashes(again.root(), root)) throw unlike(`root at ${size}`)
  }

  async #compare({ path, bytes }: LogFile): Promise<void> {
    if (!Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).equals(await this.#read(path))) {
      throw unlike(`${this.#directory}/${path}`)
    }
  }

  #read(path: string): Promise<Uint8Array> {
    return this.#disk.read(`${this.#directory}/${path}`)
  }

  async #inOrder<Result>(operation: () => Promise<Result>): Promise<Result> {
    this.#operations += 1
    const before = this.#operation
    const run = (async () => {
      await before.catch(() => undefined)
      this.#catchUp()
      return operation()
    })()
    this.#operation = run
    try {
      return await run
    } finally {
      this.#operations -= 1
      if (this.#operations === 0) this.#catchUp()
    }
  }
}

function directoryOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/'))
}

function unlike(what: string): LedgerError {
  const message = `second pass: ${what} does not read back as it was written`
  return new LedgerError('LEDGER_INTEGRATION', message)
}

function forked(directory: string, size: TreeSize): LedgerError {
  const message = `${directory}: the root at size ${size} is not the one that was published`
  return new LedgerError('LEDGER_FORKED', message)
}
