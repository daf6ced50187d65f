import type { LeafIndex, TreeSize } from '@countersign/tlog'
import type { Clock, Disk } from '../platform/index.ts'
import type { Span } from './packer.ts'
import type { Sealer } from './sealer.ts'
import type { OpenIntent } from './segment-header.ts'
import { SegmentWriter } from './segment-writer.ts'

/** When a segment is closed. */
export interface SegmentLimits {
  readonly segmentEntriesMax: number
  readonly segmentBytesMax: number
  readonly segmentAgeMsMax: number
  /** Zeros are written in steps of this size. */
  readonly preallocateBytes: number
}

export const SEGMENT_LIMITS: SegmentLimits = {
  segmentEntriesMax: 65_536,
  segmentBytesMax: 67_108_864,
  segmentAgeMsMax: 3_600_000,
  preallocateBytes: 1_048_576,
}

export interface WalWriterOptions {
  readonly disk: Disk
  readonly directory: string
  readonly sealer: Sealer
  readonly clock: Clock
  readonly epoch: number
  readonly incarnation: number
  readonly originHash: Uint8Array
  readonly limits: SegmentLimits
}

/** The write side of the write-ahead log: one segment after another, one call at a time. */
export class WalWriter {
  readonly #options: WalWriterOptions
  #segment: SegmentWriter
  #startedMs: number

  private constructor(options: WalWriterOptions, segment: SegmentWriter) {
    this.#options = options
    this.#segment = segment
    this.#startedMs = options.clock.ticksMs()
  }

  /** Always begins a segment of its own: nobody ever writes to one that somebody else began. */
  static async open(
    options: WalWriterOptions,
    first: TreeSize,
    intents: readonly OpenIntent[],
  ): Promise<WalWriter> {
    return new WalWriter(options, await newSegment(options, first, intents, 0))
  }

  get end(): TreeSize {
    return this.#segment.end
  }

  /** What the segment that is being written holds so far. */
  get span(): Span {
    return { first: this.#segment.first, end: this.#segment.end }
  }

  /** Whether the segment must be closed before a batch of this size. */
  isDue(count: number, plainBytes: number): boolean {
    const { segmentEntriesMax, segmentBytesMax, segmentAgeMsMax } = this.#options.limits
    const { entries, bytes } = this.#segment
    if (entries === 0) return false
    if (entries + count > segmentEntriesMax || bytes + plainBytes > segmentBytesMax) return true
    return this.#options.clock.ticksMs() - this.#startedMs >= segmentAgeMsMax
  }

  /**
   * Closes the segment and begins the next, whose header carries the open intents forward, and
   * which has room for `roomBytes` of frames. Fails with DISK_FULL and may be called again. A crash
   * here leaves the closed segment alone, or both.
   */
  async rotate(intents: readonly OpenIntent[], roomBytes: number): Promise<Span> {
    const next = await newSegment(this.#options, this.end, intents, roomBytes)
    const { span } = this
    const before = this.#segment
    this.#segment = next
    this.#startedMs = this.#options.clock.ticksMs()
    await before.close()
    return span
  }

  /** Fails with DISK_FULL before anything of a batch is written, and may be called again. */
  async makeRoom(plainBytes: number): Promise<void> {
    if (!this.#segment.fits(plainBytes)) await this.#segment.grow(plainBytes)
  }

  /** As `makeRoom`, while frames are appended; undefined when there is room already. */
  growAhead(plainBytes: number): Promise<void> | undefined {
    return this.#segment.fits(plainBytes) ? undefined : this.#segment.grow(plainBytes)
  }

  /** For frames, in what is allocated. */
  get roomBytes(): number {
    return this.#segment.roomBytes
  }

  hasRoom(plainBytes: number): boolean {
    return this.#segment.fits(plainBytes)
  }

  /** One write, one flush. Returns the index of the first entry. After a failure: never again. */
  async append(count: number, plain: Uint8Array): Promise<LeafIndex> {
    const first = this.#segment.end
    await this.#segment.append(count, plain)
    return first as number as LeafIndex
  }

  /** Nothing is appended any more, and everything that was is on the disk. */
  trim(): Promise<void> {
    return this.#segment.trim()
  }

  close(): Promise<void> {
    return this.#segment.close()
  }
}

async function newSegment(
  options: WalWriterOptions,
  first: TreeSize,
  intents: readonly OpenIntent[],
  roomBytes: number,
): Promise<SegmentWriter> {
  const { disk, directory, sealer, epoch, incarnation, originHash, limits } = options
  const header = { epoch, first: first as number as LeafIndex, incarnation, originHash, intents }
  const stepBytes = limits.preallocateBytes
  const segment = await SegmentWriter.create({ disk, directory, sealer, header, stepBytes })
  try {
    await segment.grow(roomBytes)
    await segment.publish()
    return segment
  } catch (cause) {
    await segment.close()
    throw cause
  }
}
