const VERSION = 8
const VARIANT = 0x80
const MS_BYTES = 6
const MS_MAX_BYTES = 3
const WINDOW = 1

/** What the ledger keeps of an open fold, so that a later life can say what it could not. */
export interface FoldTag {
  readonly of: 'fold'
  readonly fromMs: number
  readonly untalliedMax: number
}

/** What it keeps of an open window of relaxed recording. */
export interface WindowTag {
  readonly of: 'window'
  readonly fromMs: number
  readonly recordsMax: number
  /** Below 2^24. */
  readonly windowMs: number
}

/**
 * 16 bytes beside the entry that opens a fold or window: a UUIDv8 (RFC 9562, section 5.8), where an
 * intent's are the UUIDv7 of its exchange. Milliseconds, what it is of, then the bounds.
 */
export function encodeOpenTag(open: FoldTag | WindowTag): Uint8Array {
  const tag = Buffer.alloc(16)
  tag.writeUIntBE(open.fromMs, 0, MS_BYTES)
  tag.writeUInt8(VERSION << 4, 6)
  tag.writeUInt8(VARIANT, 8)
  if (open.of === 'fold') tag.writeUInt32BE(open.untalliedMax, 9)
  else {
    tag.writeUInt8(WINDOW, 7)
    tag.writeUInt32BE(open.recordsMax, 9)
    tag.writeUIntBE(open.windowMs, 13, MS_MAX_BYTES)
  }
  return tag
}

/** Undefined: it is the tag of an intent. */
export function decodeOpenTag(tag: Uint8Array): FoldTag | WindowTag | undefined {
  const bytes = Buffer.from(tag)
  if (bytes.readUInt8(6) >> 4 !== VERSION) return undefined
  const fromMs = bytes.readUIntBE(0, MS_BYTES)
  const max = bytes.readUInt32BE(9)
  if (bytes.readUInt8(7) !== WINDOW) return { of: 'fold', fromMs, untalliedMax: max }
  return { of: 'window', fromMs, recordsMax: max, windowMs: bytes.readUIntBE(13, MS_MAX_BYTES) }
}
