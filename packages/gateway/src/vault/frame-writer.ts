import { constants, createZstdCompress, type ZstdOptions, zstdCompressSync } from 'node:zlib'
import { type FrameStream, streamOf } from './frame-stream.ts'

/**
 * One frame after the other from one context. The runtime's own call makes a context for each,
 * which costs more than a small frame does. What is used of a stream is not in its documentation:
 * where it is not there, or does not do as it should, frames are made by the call that is.
 */
export class FrameWriter {
  readonly #options: ZstdOptions
  /** Made by the first frame; `false`: there is none. */
  #stream: FrameStream | false | undefined
  #into = Buffer.alloc(0)

  constructor(options: ZstdOptions) {
    this.#options = options
  }

  /** Whether one context serves for all. */
  get isQuick(): boolean {
    this.#stream ??= streamOf(createZstdCompress(this.#options)) ?? false
    return this.#stream !== false
  }

  /** A frame that says how much it holds; it lasts until the next. */
  frame(bytes: Uint8Array): Uint8Array {
    const bound = bytes.length + (bytes.length >> 8) + OVERHEAD_BYTES
    if (bytes.length > QUICK_BYTES_MAX || !this.isQuick || !this.#stream) return this.#slow(bytes)
    if (this.#into.length < bound) this.#into = Buffer.allocUnsafeSlow(2 * bound)
    const { _handle: handle, _writeState: state } = this.#stream
    const room = this.#into.length
    // A context that fails writes neither bytes nor this: what it says of the frame before stays.
    state.set([room, bytes.length + 1])
    handle.writeSync(constants.ZSTD_e_end, bytes, 0, bytes.length, this.#into, 0, room)
    const [left = room, unread = 1] = state
    if (unread === 0 && left > 0 && left < room) return this.#into.subarray(0, room - left)
    this.#stream = false
    return this.#slow(bytes)
  }

  #slow(bytes: Uint8Array): Uint8Array {
    return zstdCompressSync(bytes, this.#options)
  }
}

/** Beyond it, one call more costs nothing that counts. */
const QUICK_BYTES_MAX = 1_048_576
/** More than a frame of what does not get smaller has in heads. */
const OVERHEAD_BYTES = 512
