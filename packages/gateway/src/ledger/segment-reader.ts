import type { LeafIndex, TreeSize } from '@countersign/tlog'
import type { Disk } from '../platform/index.ts'
import { decodeEntries, type StoredEntry } from './entry.ts'
import { LedgerError } from './error.ts'
import { FRAME_HEADER_BYTES, FRAME_MAGIC, frameEnd, readFrameHeader } from './frame.ts'
import { segmentName } from './layout.ts'
import type { OpenedSegment, Sealer } from './sealer.ts'
import { openSegmentHeader, type SegmentHeader } from './segment-header.ts'

/** More than the largest segment: 64 MiB of frames, the last batch, a header full of intents. */
const SEGMENT_FILE_BYTES_MAX = 134_217_728

/** A torn tail is one batch. More than a few that begin like frames were put there to be tried. */
const FRAMES_BEHIND_MAX = 16

/** One batch as it was written. */
export interface Frame {
  readonly first: LeafIndex
  readonly count: number
  readonly plain: Uint8Array
}

/** Bytes after the last whole frame that are neither a frame nor the zeros of preallocation. */
export interface TornTail {
  readonly file: string
  readonly offset: number
  /** To the last byte that is not zero. */
  readonly bytes: number
}

/** A write-ahead segment read back. Every frame is authenticated before it is handed out. */
export class SegmentReader {
  readonly path: string
  readonly header: SegmentHeader
  readonly #bytes: Uint8Array
  readonly #key: OpenedSegment
  readonly #framesAt: number

  private constructor(path: string, bytes: Uint8Array, sealer: Sealer) {
    const { header, key, framesAt } = openSegmentHeader(path, bytes, sealer)
    this.path = path
    this.header = header
    this.#bytes = bytes
    this.#key = key
    this.#framesAt = framesAt
  }

  static async open(
    disk: Disk,
    directory: string,
    first: LeafIndex,
    sealer: Sealer,
  ): Promise<SegmentReader> {
    const path = `${directory}/${segmentName(first)}`
    const reader = new SegmentReader(path, await disk.read(path, SEGMENT_FILE_BYTES_MAX), sealer)
    if (reader.header.first === first) return reader
    throw new LedgerError('LEDGER_DAMAGED', `${path}: begins at entry ${reader.header.first}`)
  }

  /** Every whole frame in order; what follows the last one is the return value. */
  *frames(): Generator<Frame, TornTail | undefined, undefined> {
    let at = this.#framesAt
    let first: number = this.header.first
    for (let counter = 1; ; counter += 1) {
      const frame = this.#frameAt(at, first, counter)
      if (frame === undefined) return this.#tail(at, first, counter)
      yield frame
      first += frame.count
      at = frameEnd(at, frame.sealedBytes)
    }
  }

  *entries(): Generator<StoredEntry, TornTail | undefined, undefined> {
    const frames = this.frames()
    for (let next = frames.next(); ; next = frames.next()) {
      if (next.done === true) return next.value
      const { first, count, plain } = next.value
      yield* decodeEntries(first, count, plain)
    }
  }

  /** The entry `index`, undefined when it is not in this segment. */
  read(index: LeafIndex): StoredEntry | undefined {
    for (const { first, count, plain } of this.frames()) {
      if (index < first + count) return decodeEntries(first, count, plain)[index - first]
    }
    return undefined
  }

  /** Reads every frame: one more than the last entry, and what follows it. */
  scan(): { readonly end: TreeSize; readonly torn: TornTail | undefined } {
    const frames = this.frames()
    let end: number = this.header.first
    for (let next = frames.next(); ; next = frames.next()) {
      if (next.done === true) return { end: end as TreeSize, torn: next.value }
      end += next.value.count
    }
  }

  #frameAt(
    at: number,
    first: number,
    counter: number,
  ): (Frame & { readonly sealedBytes: number }) | undefined {
    const header = readFrameHeader(this.#bytes, at)
    if (header?.first !== first || header.counter !== counter) return undefined
    const plain = this.#open(at, header.sealedBytes, counter)
    if (plain === undefined) return undefined
    return { first: header.first, count: header.count, plain, sealedBytes: header.sealedBytes }
  }

  #open(at: number, sealedBytes: number, counter: number): Uint8Array | undefined {
    const sealedAt = at + FRAME_HEADER_BYTES
    if (sealedAt + sealedBytes > this.#bytes.length) return undefined
    const aad = this.#bytes.subarray(at, sealedAt)
    try {
      return this.#key.open(counter, aad, this.#bytes.subarray(sealedAt, sealedAt + sealedBytes))
    } catch {
      return undefined // Not what was sealed here: the caller decides whether torn or damaged.
    }
  }

  /**
   * A batch is written only after the one before it was flushed. So a whole frame behind a bad one
   * means that the bad one was flushed, perhaps acknowledged, and changed since: never a torn tail.
   */
  #tail(at: number, first: number, counter: number): TornTail | undefined {
    const rest = Buffer.from(this.#bytes.buffer, this.#bytes.byteOffset + at)
    const length = lengthWithoutZeros(rest.subarray(0, this.#bytes.length - at))
    if (length === 0) return undefined
    const later = this.#frameBehind(at, first, counter)
    if (later === undefined) return { file: this.path, offset: at, bytes: length }
    const what = `frame at byte ${at}, entry ${first} onward, is damaged`
    const why = `another frame follows at byte ${later}`
    throw new LedgerError('LEDGER_DAMAGED', `${this.path}: ${what}: ${why}`)
  }

  #frameBehind(at: number, first: number, counter: number): number | undefined {
    const bytes = Buffer.from(this.#bytes.buffer, this.#bytes.byteOffset, this.#bytes.length)
    let found = bytes.indexOf(MAGIC, at + 1)
    let tried = 0
    while (found !== -1) {
      const header = readFrameHeader(bytes, found)
      const isLater = header !== undefined && header.counter >= counter && header.first >= first
      if (isLater) {
        tried += 1
        const opened = this.#open(found, header.sealedBytes, header.counter)
        if (opened !== undefined || tried > FRAMES_BEHIND_MAX) return found
      }
      found = bytes.indexOf(MAGIC, found + 1)
    }
    return undefined
  }
}

const MAGIC = Uint8Array.of(
  FRAME_MAGIC >>> 24,
  (FRAME_MAGIC >>> 16) & 0xff,
  (FRAME_MAGIC >>> 8) & 0xff,
  FRAME_MAGIC & 0xff,
)

function lengthWithoutZeros(bytes: Uint8Array): number {
  let length = bytes.length
  while (length > 0 && bytes[length - 1] === 0) length -= 1
  return length
}
