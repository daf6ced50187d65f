import type { LeafIndex } from '@countersign/tlog'
import { TAG_BYTES } from './entry.ts'
import { LedgerError } from './error.ts'
import { alignUp } from './frame.ts'
import { readUint64, viewOf, writeUint64 } from './integers.ts'
import type { OpenedSegment } from './sealer.ts'
import { SEAL_BYTES, type SealedSegment, type Sealer } from './sealer.ts'

/** "CSW1": a write-ahead segment, version 1. */
const SEGMENT_MAGIC = 0x43535731

/** magic u32 | bytes u32 | epoch u32 | wrapped u16 | 0 u16 | first u64 | incarnation u64 | origin
 *  hash 32 | open count u32 | 0 u32, then the wrapped key, the open intents, zeros, the seal. */
const FIXED_BYTES = 72
const INTENT_BYTES = 8 + TAG_BYTES
const HEADER_SEAL_COUNTER = 0

/** An entry that a later one must close. */
export interface OpenIntent {
  readonly index: LeafIndex
  readonly tag: Uint8Array
}

export interface SegmentHeader {
  readonly epoch: number
  readonly first: LeafIndex
  readonly incarnation: number
  /** SHA-256 of the origin. */
  readonly originHash: Uint8Array
  /** What was open when the segment began, in rising index. */
  readonly intents: readonly OpenIntent[]
}

/** The header's bytes, sealed with the segment's own key: not even an intent can be left out. */
export function encodeSegmentHeader(header: SegmentHeader, key: SealedSegment): Uint8Array {
  const { wrapped } = key
  const intentsAt = FIXED_BYTES + wrapped.length
  const sealAt = alignUp(intentsAt + header.intents.length * INTENT_BYTES)
  const bytes = new Uint8Array(sealAt + SEAL_BYTES)
  const view = viewOf(bytes)
  view.setUint32(0, SEGMENT_MAGIC)
  view.setUint32(4, bytes.length)
  view.setUint32(8, header.epoch)
  view.setUint16(12, wrapped.length)
  writeUint64(view, 16, header.first)
  writeUint64(view, 24, header.incarnation)
  bytes.set(header.originHash, 32)
  view.setUint32(64, header.intents.length)
  bytes.set(wrapped, FIXED_BYTES)
  for (const [at, { index, tag }] of header.intents.entries()) {
    writeUint64(view, intentsAt + at * INTENT_BYTES, index)
    bytes.set(tag, intentsAt + at * INTENT_BYTES + 8)
  }
  const body = bytes.subarray(0, sealAt)
  key.seal(HEADER_SEAL_COUNTER, body, new Uint8Array(0), bytes, sealAt)
  return bytes
}

/** A segment whose header holds: what it says, the key to its frames, and where they begin. */
export interface SegmentStart {
  readonly header: SegmentHeader
  readonly key: OpenedSegment
  readonly framesAt: number
}

/** Throws LEDGER_DAMAGED naming the file unless every byte is as it was written. */
export function openSegmentHeader(path: string, bytes: Uint8Array, sealer: Sealer): SegmentStart {
  try {
    const framesAt = headerBytes(bytes)
    const body = bytes.subarray(0, framesAt - SEAL_BYTES)
    const view = viewOf(body)
    const intentsAt = FIXED_BYTES + view.getUint16(12)
    const key = sealer.openSegment(body.subarray(FIXED_BYTES, intentsAt))
    key.open(HEADER_SEAL_COUNTER, body, bytes.subarray(framesAt - SEAL_BYTES, framesAt))
    return { header: parse(body, view, intentsAt), key, framesAt }
  } catch (cause) {
    const why = 'header of the write-ahead segment is not as it was written'
    throw new LedgerError('LEDGER_DAMAGED', `${path}: ${why}`, { cause })
  }
}

function headerBytes(bytes: Uint8Array): number {
  const view = viewOf(bytes)
  if (view.getUint32(0) !== SEGMENT_MAGIC) throw new RangeError('no write-ahead segment')
  const length = view.getUint32(4)
  if (length >= FIXED_BYTES + SEAL_BYTES && length <= bytes.length) return length
  throw new RangeError(`header of ${length} bytes in a file of ${bytes.length}`)
}

function parse(body: Uint8Array, view: DataView, intentsAt: number): SegmentHeader {
  const intents: OpenIntent[] = []
  for (let count = view.getUint32(64), at = intentsAt; count > 0; count -= 1, at += INTENT_BYTES) {
    const tag = body.slice(at + 8, at + INTENT_BYTES)
    intents.push({ index: readUint64(view, at) as LeafIndex, tag })
  }
  return {
    epoch: view.getUint32(8),
    first: readUint64(view, 16) as LeafIndex,
    incarnation: readUint64(view, 24),
    originHash: body.slice(32, 64),
    intents,
  }
}
