import { constants, createZstdCompress, type ZstdOptions, zstdCompressSync } from 'node:zlib'

/**
 * One frame after the other from one context. The runtime's own call makes a context for each,
 * which costs more than a small frame does. What is used of a stream is not in its documentation:
 * where it is not there, or does not do as it should, frames are made by the call that is.
 */
export class FrameWriter {
  readonly #options: ZstdOptions
  /** Made by the first frame; `false`: there is none. */
  #stream: Stream | false | undefined
  #into = Buffer.alloc(0)

  constructor(options: ZstdOptions) {
    this.#options = options
  }

  /** Whether one context serves for all. */
  get isQuick(): boolean {
    this.#stream ??= streamOf(this.#options) ?? false
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

interface Stream {
  readonly _handle: {
    writeSync(
      flush: number,
      from: Uint8Array,
      fromAt: number,
      fromBytes: number,
      into: Uint8Array,
      intoAt: number,
      intoBytes: number,
    ): void
  }
  /** What is left of the room, and of what was to be written. */
  readonly _writeState: Uint32Array
}

function streamOf(options: ZstdOptions): Stream | undefined {
  const made = createZstdCompress(options)
  // Whoever waits for a frame sees at once that there is none; nobody listens to this.
  made.on('error', () => undefined)
  const stream: object = made
  const isIt =
    '_handle' in stream &&
    typeof stream._handle === 'object' &&
    stream._handle !== null &&
    'writeSync' in stream._handle &&
    typeof stream._handle.writeSync === 'function' &&
    '_writeState' in stream &&
    stream._writeState instanceof Uint32Array
  return isIt ? (stream as Stream) : undefined
}
