import { constants, zstdDecompressSync } from 'node:zlib'
import { malformed } from './byte-stream.ts'
import { concat } from './bytes.ts'
import { VaultError } from './errors.ts'
import { FrameReader } from './frame-reader.ts'
import { FrameWriter } from './frame-writer.ts'
import { DICTIONARY_1 } from './generated/dictionary-1.ts'
import type { Table } from './table.ts'
import { isFrameOf } from './zstd-frame.ts'

const LEVEL = 3
/** Bytes that nobody has cut into columns come in bulk: speed counts more than the last tenth. */
const BULK_LEVEL = 1
const dictionary = Buffer.from(DICTIONARY_1, 'latin1')
const level = (value: number) => ({ params: { [constants.ZSTD_c_compressionLevel]: value } })

/** One writer for each use; a decoder may give the dictionary to all. */
export const WORDS: FrameWriter = new FrameWriter({ ...level(LEVEL), dictionary })
export const NUMBERS: FrameWriter = new FrameWriter(level(LEVEL))
export const BULK: FrameWriter = new FrameWriter(level(BULK_LEVEL))
/** Sections of one person: too few to be like each other. */
export const FEW: FrameWriter = new FrameWriter({ ...level(BULK_LEVEL), dictionary })
/** Beyond it what is in a frame is like what came before in it: no dictionary helps. */
export const BULK_BYTES_MIN = 32_768

/** Reads what a writer wrote, to hold it against what was to be written. */
export const AGAIN: FrameReader = new FrameReader({ dictionary })
/** Reads what was stored. One of its own: what is damaged there must not slow down packing. */
const STORED = new FrameReader({ dictionary })

/** A frame of less than this only gets longer. */
const FRAME_BYTES_MIN = 48
/** Memory that the decoder asks for at once: no less than it takes, nothing that it must fill. */
const [CHUNK_BYTES_MIN, CHUNK_BYTES_MAX] = [64, 1_048_576]
/** Frames of more are taken apart one by one. */
const SMALL_BYTES_MAX = 65_536
const NOTHING = new Uint8Array(0)

/** What does not get smaller stays as it is: its length says so. */
export function frame(bytes: Uint8Array, writer: FrameWriter): Uint8Array {
  if (bytes.length < FRAME_BYTES_MIN) return bytes
  const compressed = writer.frame(bytes)
  return compressed.length < bytes.length ? compressed : bytes
}

export function unframe(bytes: Uint8Array, length: number): Uint8Array {
  if (bytes.length === length) return bytes
  // One whole frame leaves nothing behind in the context that the next one is read with.
  const isQuick = length <= CHUNK_BYTES_MAX && isFrameOf(bytes, length) && STORED.isQuick
  if (!isQuick) return takeApart(bytes, length)
  const plain = STORED.ownContent(bytes, length)
  if (plain.length !== length) throw malformed(`frame holds ${plain.length} of ${length} bytes`)
  return plainView(plain)
}

/** What one frame, or several in a row, hold. */
function takeApart(frames: Uint8Array, length: number): Uint8Array {
  const chunkSize = Math.min(Math.max(length, CHUNK_BYTES_MIN), CHUNK_BYTES_MAX)
  const options = { dictionary, maxOutputLength: Math.max(length, 1), chunkSize }
  const plain = frames.length === 0 ? NOTHING : zstdDecompressSync(frames, options)
  if (plain.length !== length) throw malformed(`frame holds ${plain.length} of ${length} bytes`)
  return plainView(plain)
}

/** Pieces of a Buffer are Buffers, which cost more to make. */
export function plainView({ buffer, byteOffset, byteLength }: Uint8Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength)
}

/** A pack's plaintext cut into its parts, before its frame is taken apart. */
export interface Cut {
  readonly frame: Uint8Array
  /** What the frame holds. */
  readonly frameBytes: number
  /** Reads what it held. */
  readonly read: (content: Uint8Array) => Table
}

export function readCut(cut: () => Cut): Table {
  return guarded(() => {
    const { frame, frameBytes, read } = cut()
    return read(unframe(frame, frameBytes))
  })
}

/**
 * As `readCut` of each, but their frames are taken apart at once: of a small one, to begin is most
 * of the work. Undefined where nothing is concluded: `readCut` finds out.
 */
export function readCuts(cuts: readonly (() => Cut)[]): readonly (Table | undefined)[] {
  const all = cuts.map((cut) => answerOf(cut))
  const contents = contentsOf(all.filter((cut) => cut !== undefined))
  return all.map((cut) => {
    const content = cut === undefined ? undefined : contents.get(cut)
    return cut && content && answerOf(() => cut.read(content))
  })
}

function contentsOf(cuts: readonly Cut[]): ReadonlyMap<Cut, Uint8Array> {
  const contents = new Map<Cut, Uint8Array>()
  const framed: Cut[] = []
  let length = 0
  for (const cut of cuts) {
    const { frame, frameBytes } = cut
    if (frame.length === frameBytes) contents.set(cut, frame)
    else if (frameBytes <= SMALL_BYTES_MAX && isFrameOf(frame, frameBytes)) {
      framed.push(cut)
      length += frameBytes
    }
  }
  const plain = answerOf(() => takeApart(concat(...framed.map((each) => each.frame)), length))
  if (plain === undefined) {
    // One of them is broken; or the runtime reads one frame a call, as Node 24 does.
    for (const cut of framed) {
      const own = answerOf(() => takeApart(cut.frame, cut.frameBytes))
      if (own !== undefined) contents.set(cut, own)
    }
    return contents
  }
  let at = 0
  for (const cut of framed) {
    contents.set(cut, plainView(plain.subarray(at, at + cut.frameBytes)))
    at += cut.frameBytes
  }
  return contents
}

function answerOf<Value>(run: () => Value): Value | undefined {
  try {
    return guarded(run)
  } catch (error) {
    if (error instanceof VaultError) return undefined
    throw error
  }
}

/** Whatever cannot be read is malformed. */
export function guarded<Value>(run: () => Value): Value {
  try {
    return run()
  } catch (cause) {
    if (cause instanceof VaultError) throw cause
    throw new VaultError('VAULT_MALFORMED', 'columns do not decode', { cause })
  }
}
