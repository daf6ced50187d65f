import { equalHashes, type Hash, type Sha256, type TreeSize } from '@countersign/tlog'
import { type Disk, forEachAtOnce, writeFileDurably } from '../platform/index.ts'
import { placeEntries } from './entry.ts'
import { LedgerError } from './error.ts'
import type { Integration, PlainBatch, Settled } from './integration.ts'
import { LogBuilder } from './log-builder.ts'
import { type Edge, EMPTY_EDGE, edgeRoot, LogReader, readEdge } from './log-reader.ts'
import type { Packer, PackReport, Span } from './packer.ts'
import { PartialCollector } from './partial-collector.ts'
import { SecondPass } from './second-pass.ts'
import type { LogFile } from './tile-builder.ts'

export interface LocalIntegrationOptions {
  readonly disk: Disk
  /** The epoch's log directory. */
  readonly directory: string
  readonly sha256: Sha256
  readonly packer: Packer
}

/** As many as blocks that the packer writes meanwhile: the runtime's threads are few. */
const FILES_AT_ONCE_MAX = 2

/** Integration in this thread. Owns the log directory's tiles and bundles. */
export class LocalIntegration implements Integration {
  readonly #disk: Disk
  readonly #directory: string
  readonly #sha256: Sha256
  readonly #packer: Packer
  readonly #collector: PartialCollector
  readonly #secondPass: SecondPass
  readonly #waiting: PlainBatch[] = []
  readonly #made = new Set<string>()
  /** Batches that the packer may still look at, in order, and where each ends. */
  #kept: { readonly plain: Uint8Array; readonly end: number }[] = []
  #onSpent: (spent: readonly Uint8Array[]) => void = () => undefined
  #operation: Promise<unknown> = Promise.resolve()
  /** Resumptions under way: what is added meanwhile waits for their end. */
  #resuming = 0
  /** The edge that is durable and was read again: every pass begins here. */
  #settled: Edge = EMPTY_EDGE
  #builder: LogBuilder
  #unwritten: LogFile[] = []
  /** Of blocks packed by a settle whose other half failed. */
  #reports: PackReport[] = []
  /** What an entry met that could not be integrated; `settle` tells. */
  #failure: unknown

  constructor({ disk, directory, sha256, packer }: LocalIntegrationOptions) {
    this.#disk = disk
    this.#directory = directory
    this.#sha256 = sha256
    this.#packer = packer
    this.#collector = new PartialCollector(disk, directory)
    this.#secondPass = new SecondPass({ disk, directory, sha256 })
    this.#builder = new LogBuilder(sha256, EMPTY_EDGE)
  }

  async resume(size: TreeSize, root: Hash): Promise<void> {
    this.#resuming += 1
    try {
      await this.#inOrder(() => this.#resume(size, root))
    } finally {
      this.#resuming -= 1
      this.#catchUp()
    }
  }

  async #resume(size: TreeSize, root: Hash): Promise<void> {
    const edge = await readEdge(new LogReader(this.#disk, this.#directory), this.#sha256, size)
    if (!equalHashes(edgeRoot(this.#sha256, edge), root)) throw forked(this.#directory, size)
    this.#settled = edge
    this.#builder = new LogBuilder(this.#sha256, edge)
    this.#unwritten = []
    this.#reports = []
    await this.#collector.resume(size)
    await this.#packer.resume(size)
    this.#kept = []
  }

  add(batch: PlainBatch): void {
    this.#waiting.push(batch)
    this.#catchUp()
  }

  /** What is added while it runs grows the builder and the packer; it does not look at either. */
  settle(): Promise<Settled> {
    return this.#inOrder(async () => {
      if (this.#failure !== undefined) throw this.#failure
      const edge = this.#builder.edge()
      const root = this.#builder.root()
      const halves = [this.#settleLog(edge, root), this.#pack(edge.size)]
      for (const half of await Promise.allSettled(halves)) {
        if (half.status === 'rejected') throw half.reason
      }
      this.#giveBack()
      return { size: edge.size, root, reports: this.#reports.splice(0) }
    })
  }

  closeSegment(span: Span): Promise<readonly PackReport[]> {
    return this.#inOrder(async () => {
      const reports = await this.#packer.closeSegment(span)
      this.#giveBack()
      return reports
    })
  }

  collect(size: TreeSize): Promise<void> {
    return this.#inOrder(async () => {
      for (const directory of await this.#collector.collect(size)) this.#made.delete(directory)
    })
  }

  onSpent(listener: (spent: readonly Uint8Array[]) => void): void {
    this.#onSpent = listener
  }

  close(): Promise<void> {
    return this.#inOrder(async () => undefined)
  }

  async #settleLog(edge: Edge, root: Hash): Promise<void> {
    this.#unwritten.push(...this.#builder.takeFilled())
    const partials = this.#builder.partials(this.#settled.size)
    await this.#write([...this.#unwritten, ...partials])
    await this.#secondPass.run(this.#settled, edge.size, root)
    this.#settled = edge
    this.#unwritten = []
  }

  async #pack(size: TreeSize): Promise<void> {
    this.#reports.push(...(await this.#packer.settle(size)))
  }

  /** Whole, whatever part of it a batch took. */
  #giveBack(): void {
    const { keptFrom } = this.#packer
    const isKept = this.#kept.findIndex(({ end }) => end > keptFrom)
    const spent = this.#kept.splice(0, isKept < 0 ? this.#kept.length : isKept)
    if (spent.length > 0) this.#onSpent(spent.map(({ plain }) => new Uint8Array(plain.buffer)))
  }

  #catchUp(): void {
    if (this.#resuming > 0) return
    try {
      for (const batch of this.#waiting.splice(0)) this.#integrate(batch)
    } catch (cause) {
      this.#failure ??= cause
    }
  }

  #integrate({ first, count, plain }: PlainBatch): void {
    const { leaves, payloads } = placeEntries(first, count, plain)
    for (let at = 0; at < count; at += 1) {
      const index = first + at
      if (index < this.#builder.size) continue
      if (index > this.#builder.size) {
        const message = `entry ${index} follows entry ${this.#builder.size - 1}`
        throw new LedgerError('LEDGER_INTEGRATION', message)
      }
      this.#builder.append(plain, leaves[2 * at] ?? 0, leaves[2 * at + 1] ?? 0)
    }
    this.#packer.add({ first, count, bytes: plain, payloads })
    this.#kept.push({ plain, end: first + count })
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

  async #inOrder<Result>(operation: () => Promise<Result>): Promise<Result> {
    const before = this.#operation
    const run = (async () => {
      await before.catch(() => undefined) // Its own caller was told.
      return operation()
    })()
    this.#operation = run
    return run
  }
}

function directoryOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/'))
}

function forked(directory: string, size: TreeSize): LedgerError {
  const message = `${directory}: the root at size ${size} is not the one that was published`
  return new LedgerError('LEDGER_FORKED', message)
}
