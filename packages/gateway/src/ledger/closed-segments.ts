import type { TreeSize } from '@countersign/tlog'
import { type Disk, diskErrorCode } from '../platform/index.ts'
import type { Integration } from './integration.ts'
import { segmentName } from './layout.ts'
import type { PackReport, Span } from './packer.ts'

type Listener = (reports: readonly PackReport[]) => Promise<void> | void

/**
 * Closed segments of the write-ahead log until they may be dropped: all of it published, packed
 * and reported. Their open intents stand in the header of the segment that follows.
 */
export class ClosedSegments {
  readonly #disk: Disk
  readonly #directory: string
  readonly #integration: Integration
  readonly #spans: Span[]
  /** How many of them, from the oldest, are packed. */
  #packed = 0
  #reports: PackReport[] = []
  #listener: Listener | undefined

  constructor(options: {
    readonly disk: Disk
    readonly directory: string
    readonly integration: Integration
    readonly spans: readonly Span[]
  }) {
    this.#disk = options.disk
    this.#directory = options.directory
    this.#integration = options.integration
    this.#spans = [...options.spans]
  }

  get isAny(): boolean {
    return this.#spans.length > 0
  }

  /** Somebody takes the reports. */
  get isHeard(): boolean {
    return this.#listener !== undefined
  }

  add(span: Span): void {
    this.#spans.push(span)
  }

  onPacked(listener: Listener): void {
    this.#listener = listener
  }

  report(reports: readonly PackReport[]): void {
    this.#reports.push(...reports)
  }

  /**
   * Drops what is published: packs it, has the reports taken, then removes the file. A crash here
   * leaves a segment whose entries are packed and reported once more.
   */
  async drop(published: TreeSize): Promise<void> {
    const due = this.#spans.filter(({ end }) => end <= published)
    for (const span of due.slice(this.#packed)) {
      this.report(await this.#integration.closeSegment(span))
      this.#packed += 1
    }
    if (!(await this.#handOver()) || due.length === 0) return
    for (const { first } of due) {
      await this.#remove(`${this.#directory}/${segmentName(first)}`)
      // One by one, the oldest first: a power cut must not bring one back behind a gap.
      await this.#disk.syncDirectory(this.#directory)
      this.#spans.shift()
      this.#packed -= 1
    }
  }

  /** False: the reports were not taken, and are offered again at the next turn. */
  async #handOver(): Promise<boolean> {
    const reports = this.#reports
    if (reports.length === 0) return true
    try {
      await this.#listener?.(reports)
    } catch {
      return false // The listener appends to this ledger, which may be full or dead by now.
    }
    this.#reports = this.#reports.slice(reports.length)
    return true
  }

  async #remove(path: string): Promise<void> {
    try {
      await this.#disk.remove(path)
    } catch (error) {
      if (diskErrorCode(error) !== 'DISK_NOT_FOUND') throw error
    }
  }
}
