import { crc32 } from 'node:zlib'
import type { LeafIndex } from '@countersign/tlog'
import { readUint64, viewOf, writeUint64 } from './integers.ts'

/** "CSWF": a frame begins at a multiple of 8 bytes with it. */
export const FRAME_MAGIC = 0x43535746

/** magic u32 | sealed length u32 | first index u64 | count u32 | counter u32 | crc32 u32 | 0 u32 */
export const FRAME_HEADER_BYTES = 32

const CHECKED_BYTES = 24

/** What stands before the sealed bytes, and is authenticated with them. */
export interface FrameHeader {
  readonly sealedBytes: number
  readonly first: LeafIndex
  readonly count: number
  /** 1 for the first frame of a segment (0 seals the segment's header), one more for each. */
  readonly counter: number
}

export function writeFrameHeader(header: FrameHeader, into: Uint8Array): void {
  const view = viewOf(into)
  view.setUint32(0, FRAME_MAGIC)
  view.setUint32(4, header.sealedBytes)
  writeUint64(view, 8, header.first)
  view.setUint32(16, header.count)
  view.setUint32(20, header.counter)
  view.setUint32(24, crc32(into.subarray(0, CHECKED_BYTES)))
  view.setUint32(28, 0)
}

/** The header at `at`, or undefined when no whole and unharmed one stands there. */
export function readFrameHeader(bytes: Uint8Array, at: number): FrameHeader | undefined {
  if (at + FRAME_HEADER_BYTES > bytes.length) return undefined
  const header = bytes.subarray(at, at + FRAME_HEADER_BYTES)
  const view = viewOf(header)
  if (view.getUint32(0) !== FRAME_MAGIC || view.getUint32(28) !== 0) return undefined
  if (view.getUint32(24) !== crc32(header.subarray(0, CHECKED_BYTES))) return undefined
  return {
    sealedBytes: view.getUint32(4),
    first: readUint64(view, 8) as LeafIndex,
    count: view.getUint32(16),
    counter: view.getUint32(20),
  }
}

/** Where the next frame begins. */
export function frameEnd(at: number, sealedBytes: number): number {
  return alignUp(at + FRAME_HEADER_BYTES + sealedBytes)
}

export function alignUp(bytes: number): number {
  return Math.ceil(bytes / 8) * 8
}
