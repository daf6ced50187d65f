const VERSION = 8
const VARIANT = 0x80
const MS_BYTES = 6

/** What the ledger keeps of an open fold, so that a later life can say what it could not. */
export interface FoldTag {
  readonly fromMs: number
  readonly untalliedMax: number
}

/**
 * 16 bytes beside the entry that opens a fold: a UUIDv8 (RFC 9562, section 5.8), where an intent's
 * are the UUIDv7 of its exchange. Milliseconds, then the bound.
 */
export function encodeFoldTag({ fromMs, untalliedMax }: FoldTag): Uint8Array {
  const tag = Buffer.alloc(16)
  tag.writeUIntBE(fromMs, 0, MS_BYTES)
  tag.writeUInt8(VERSION << 4, 6)
  tag.writeUInt8(VARIANT, 8)
  tag.writeUInt32BE(untalliedMax, 9)
  return tag
}

/** Undefined: it is the tag of an intent. */
export function decodeFoldTag(tag: Uint8Array): FoldTag | undefined {
  const bytes = Buffer.from(tag)
  if (bytes.readUInt8(6) >> 4 !== VERSION) return undefined
  return { fromMs: bytes.readUIntBE(0, MS_BYTES), untalliedMax: bytes.readUInt32BE(9) }
}
