import type { LeafIndex, TreeSize } from '@countersign/tlog'
import { type Disk, type DiskFile, diskErrorCode, TEMPORARY_SUFFIX } from '../platform/index.ts'
import { FRAME_HEADER_BYTES, frameEnd, writeFrameHeader } from './frame.ts'
import { segmentName } from './layout.ts'
import { SEAL_BYTES, type SealedSegment, type Sealer } from './sealer.ts'
import { encodeSegmentHeader, type SegmentHeader } from './segment-header.ts'

/** Zeros end where a page does: a frame and zeros written meanwhile have no page in common. */
const PAGE_BYTES = 4_096

export interface SegmentWriterOptions {
  readonly disk: Disk
  readonly directory: string
  readonly sealer: Sealer
  readonly header: SegmentHeader
  /** How many bytes of zeros are written at a time, so that a full disk is met beforehand. */
  readonly stepBytes: number
}

/**
 * One write-ahead segment while it is written. It has a temporary name until `publish`: a segment
 * that bears its name has a whole header.
 */
export class SegmentWriter {
  readonly first: LeafIndex
  readonly #disk: Disk
  readonly #file: DiskFile
  readonly #directory: string
  readonly #key: SealedSegment
  readonly #stepBytes: number
  #end: number
  #counter = 0
  #isClosed = false
  #growing: Promise<void> | undefined
  #offset: number
  #allocated: number
  #scratch = new Uint8Array(0)

  private constructor(options: SegmentWriterOptions, open: OpenSegmentFile) {
    this.first = options.header.first
    this.#disk = options.disk
    this.#directory = options.directory
    this.#stepBytes = options.stepBytes
    this.#end = options.header.first
    this.#file = open.file
    this.#key = open.key
    this.#offset = open.headerBytes
    this.#allocated = open.headerBytes
  }

  /** A crash here leaves a temporary file, which the next start removes. */
  static async create(options: SegmentWriterOptions): Promise<SegmentWriter> {
    const { disk, directory, header, sealer } = options
    const path = `${directory}/${segmentName(header.first)}${TEMPORARY_SUFFIX}`
    const key = sealer.newSegment()
    const bytes = encodeSegmentHeader(header, key)
    const file = await openFresh(disk, path)
    const segment = new SegmentWriter(options, { file, key, headerBytes: bytes.length })
    try {
      await file.write(0, bytes)
      await segment.grow(1)
      return segment
    } catch (cause) {
      await segment.close()
      throw cause
    }
  }

  /** One more than the last entry. */
  get end(): TreeSize {
    return this.#end as TreeSize
  }

  get entries(): number {
    return this.#end - this.first
  }

  /** The bytes of frames and header so far. */
  get bytes(): number {
    return this.#offset
  }

  /** What is allocated and not written yet. */
  get roomBytes(): number {
    return this.#allocated - this.#offset
  }

  /** Whether a frame of `plainBytes` fits into what is allocated. */
  fits(plainBytes: number): boolean {
    return frameEnd(this.#offset, plainBytes + SEAL_BYTES) <= this.#allocated
  }

  /**
   * Allocates by writing zeros until a frame of `plainBytes` fits. Fails with DISK_FULL and may be
   * called again; a crash here leaves zeros, which mean nothing. Frames may be appended meanwhile:
   * they go where it is allocated already.
   */
  async grow(plainBytes: number): Promise<void> {
    while (!this.fits(plainBytes) && !this.#isClosed) {
      this.#growing ??= this.#growStep().finally(() => {
        this.#growing = undefined
      })
      await this.#growing
    }
  }

  async #growStep(): Promise<void> {
    const end = Math.ceil((this.#allocated + this.#stepBytes) / PAGE_BYTES) * PAGE_BYTES
    await this.#file.write(this.#allocated, zeros(end - this.#allocated))
    this.#allocated = end
  }

  /**
   * Seals and writes one frame. When it resolves the frame is on the disk; when it throws, nobody
   * knows, and this segment must not be written to again. A crash here leaves a torn tail, of which
   * nothing was acknowledged.
   */
  async append(count: number, plain: Uint8Array): Promise<void> {
    const sealedBytes = plain.length + SEAL_BYTES
    const frame = this.#frame(FRAME_HEADER_BYTES + sealedBytes)
    const header = frame.subarray(0, FRAME_HEADER_BYTES)
    this.#counter += 1
    const first = this.#end as LeafIndex
    writeFrameHeader({ sealedBytes, first, count, counter: this.#counter }, header)
    this.#key.seal(this.#counter, header, plain, frame, FRAME_HEADER_BYTES)
    await this.#file.write(this.#offset, frame)
    this.#offset = frameEnd(this.#offset, sealedBytes)
    this.#end += count
  }

  /** Gives the segment its name, replacing what had it: a crash leaves one or the other. */
  async publish(): Promise<void> {
    const path = `${this.#directory}/${segmentName(this.first)}`
    await this.#disk.rename(path + TEMPORARY_SUFFIX, path)
    await this.#disk.syncDirectory(this.#directory)
  }

  /**
   * Gives back the zeros behind the last frame, which nobody will write over: for a segment whose
   * every frame is on the disk. A crash here leaves them, or does not.
   */
  async trim(): Promise<void> {
    await this.#growing
    await this.#file.truncate(this.#offset)
    this.#allocated = this.#offset
  }

  /** Once: a file is given up even when closing it fails. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    await this.#growing?.catch(() => undefined) // Whoever asked for it was told.
    await this.#file.close()
  }

  #frame(bytes: number): Uint8Array {
    if (this.#scratch.length < bytes) this.#scratch = new Uint8Array(bytes * 2)
    return this.#scratch.subarray(0, bytes)
  }
}

interface OpenSegmentFile {
  readonly file: DiskFile
  readonly key: SealedSegment
  readonly headerBytes: number
}

async function openFresh(disk: Disk, path: string): Promise<DiskFile> {
  const mode = { for: 'write', create: 'new', durable: true } as const
  try {
    return await disk.open(path, mode)
  } catch (error) {
    if (diskErrorCode(error) !== 'DISK_EXISTS') throw error
    await disk.remove(path)
    return disk.open(path, mode)
  }
}

let zeroBytes = new Uint8Array(0)

function zeros(length: number): Uint8Array {
  if (zeroBytes.length < length) zeroBytes = new Uint8Array(length)
  return zeroBytes.subarray(0, length)
}
