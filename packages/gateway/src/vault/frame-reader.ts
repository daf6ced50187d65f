import { constants, createZstdDecompress, type ZstdOptions, zstdDecompressSync } from 'node:zlib'
import { type FrameStream, streamOf } from './frame-stream.ts'

/** Beyond it, memory is for one use. */
const KEPT_BYTES_MAX = 4_194_304

/**
 * Takes one frame apart after the other, with one context; and, for who only compares, in memory
 * that is used again. As with `FrameWriter`, what is used of a stream is not in its documentation;
 * where it does not do as it should, the call does it that is.
 */
export class FrameReader {
  readonly #options: ZstdOptions
  /** Made by the first frame; `false`: there is none. */
  #stream: FrameStream | false | undefined
  #into = Buffer.alloc(0)

  constructor(options: ZstdOptions) {
    this.#options = options
  }

  /** Whether one context serves for all. */
  get isQuick(): boolean {
    this.#stream ??= streamOf(createZstdDecompress(this.#options)) ?? false
    return this.#stream !== false
  }

  /** What one frame holds, which is so many bytes; it lasts until the next. */
  content(frame: Uint8Array, length: number): Uint8Array {
    if (length > KEPT_BYTES_MAX) return this.#slow(frame, length)
    if (this.#into.length <= length) this.#into = Buffer.allocUnsafeSlow(2 * (length + 1))
    return this.#contentIn(this.#into, frame, length)
  }

  /** The same, in memory of its own: for who keeps it. */
  ownContent(frame: Uint8Array, length: number): Uint8Array {
    return this.#contentIn(Buffer.allocUnsafeSlow(length + 1), frame, length)
  }

  /** One byte more than `length` is in `into`: what holds more than it should is seen. */
  #contentIn(into: Uint8Array, frame: Uint8Array, length: number): Uint8Array {
    if (!this.isQuick || !this.#stream) return this.#slow(frame, length)
    const room = length + 1
    const { _handle: handle, _writeState: state } = this.#stream
    state.set([room, frame.length + 1])
    handle.writeSync(constants.ZSTD_e_end, frame, 0, frame.length, into, 0, room)
    const [left = 0, unread = 1] = state
    if (unread === 0 && left === 1) return into.subarray(0, length)
    this.#stream = false
    return this.#slow(frame, length)
  }

  #slow(frame: Uint8Array, length: number): Uint8Array {
    return zstdDecompressSync(frame, { ...this.#options, maxOutputLength: length + 1 })
  }
}
