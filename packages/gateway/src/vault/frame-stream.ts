import type { Transform } from 'node:stream'

/** What the runtime has behind a stream of zstd: not in its documentation. */
export interface FrameStream {
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

/** Undefined where this runtime has none such. */
export function streamOf(made: Transform): FrameStream | undefined {
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
  return isIt ? (stream as FrameStream) : undefined
}
