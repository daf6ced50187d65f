import type { LeafIndex } from '@countersign/tlog'
import { LedgerError } from './error.ts'
import { readUint64, viewOf, writeUint64 } from './integers.ts'

/** The leaf goes into the tree as it is; bundles write its length in two bytes. */
export const LEAF_BYTES_MAX = 65_535

/** The private part of one entry. LEDGER_ENTRY_TOO_LARGE beyond it. */
export const PAYLOAD_BYTES_MAX = 1_048_576

export const TAG_BYTES = 16

/** What is appended. The ledger keeps bytes and order, and knows nothing of what they say. */
export interface Entry {
  /** Public: 1 to 65,535 bytes. */
  readonly leaf: Uint8Array
  /** Private: at most 1 MiB. */
  readonly payload: Uint8Array
  /** 16 bytes that name what this entry opens; a later entry must close it. */
  readonly opens?: Uint8Array | undefined
  /** The open entry that this one closes. */
  readonly closes?: LeafIndex | undefined
  /** Taken on a full disk too, as closing entries are, while allocated room lasts. Not stored. */
  readonly isUrgent?: boolean | undefined
  /**
   * Nobody waits for it, if its place can be promised: then it waits a little for others, and only
   * the end of the instance keeps it from the disk. Not stored.
   */
  readonly isRelaxed?: boolean | undefined
}

/** An entry read back. Its bytes are views of what was read. */
export interface StoredEntry extends Entry {
  readonly index: LeafIndex
}

const CLOSES_BYTES = 8
const OPENS = 1
const CLOSES = 2

/** Throws LEDGER_ENTRY_TOO_LARGE or LEDGER_ENTRY_INVALID for what no segment may hold. */
export function assertEntry({ leaf, payload, opens }: Entry): void {
  if (leaf.length > LEAF_BYTES_MAX || payload.length > PAYLOAD_BYTES_MAX) {
    const sizes = `${leaf.length} bytes of leaf and ${payload.length} of payload`
    const limits = `${LEAF_BYTES_MAX} and ${PAYLOAD_BYTES_MAX} are allowed`
    throw new LedgerError('LEDGER_ENTRY_TOO_LARGE', `entry has ${sizes}, ${limits}`)
  }
  if (leaf.length === 0) throw new LedgerError('LEDGER_ENTRY_INVALID', 'entry has an empty leaf')
  if (opens !== undefined && opens.length !== TAG_BYTES) {
    throw new LedgerError('LEDGER_ENTRY_INVALID', `tag has ${opens.length} bytes, not ${TAG_BYTES}`)
  }
}

export function entryBytes({ leaf, payload, opens, closes }: Entry): number {
  const tag = opens === undefined ? 0 : TAG_BYTES
  return 7 + leaf.length + payload.length + tag + (closes === undefined ? 0 : 8)
}

/** Writes one entry, flags | leaf | payload | tag | closes, and returns where the next begins. */
export function encodeEntry(entry: Entry, into: Uint8Array, view: DataView, at: number): number {
  const { leaf, payload, opens, closes } = entry
  view.setUint8(at, (opens === undefined ? 0 : OPENS) | (closes === undefined ? 0 : CLOSES))
  view.setUint16(at + 1, leaf.length)
  into.set(leaf, at + 3)
  let next = at + 3 + leaf.length
  view.setUint32(next, payload.length)
  into.set(payload, next + 4)
  next += 4 + payload.length
  if (opens !== undefined) {
    into.set(opens, next)
    next += TAG_BYTES
  }
  if (closes === undefined) return next
  writeUint64(view, next, closes)
  return next + 8
}

/** Where the tag stands of an entry that opens something and ends at `end`. */
export function tagAt(end: number, isClosing: boolean): number {
  return end - TAG_BYTES - (isClosing ? CLOSES_BYTES : 0)
}

/** The entries of one frame, as views; throws LEDGER_DAMAGED unless `count` of them fill it. */
export function decodeEntries(first: LeafIndex, count: number, plain: Uint8Array): StoredEntry[] {
  const view = viewOf(plain)
  const entries: StoredEntry[] = []
  let at = 0
  try {
    for (let position = 0; position < count; position += 1) {
      const { entry, next } = decodeEntry((first + position) as LeafIndex, plain, view, at)
      entries.push(entry)
      at = next
    }
  } catch (cause) {
    throw malformed(first, `entry ${first + entries.length} is cut short`, cause)
  }
  if (at !== plain.length) throw malformed(first, `${plain.length - at} bytes left over`)
  return entries
}

/** Where the entries of one frame have their leaves and payloads: two numbers each. */
export interface EntryPlaces {
  readonly leaves: Int32Array
  readonly payloads: Int32Array
}

/** As `decodeEntries`, without an object for each entry. */
export function placeEntries(first: LeafIndex, count: number, plain: Uint8Array): EntryPlaces {
  const view = viewOf(plain)
  const leaves = new Int32Array(2 * count)
  const payloads = new Int32Array(2 * count)
  let at = 0
  for (let position = 0; position < count; position += 1) {
    const isThere = at + 7 <= plain.length
    const leafEnd = isThere ? at + 3 + view.getUint16(at + 1) : plain.length
    const isWhole = leafEnd + 4 <= plain.length
    const payloadEnd = isWhole ? leafEnd + 4 + view.getUint32(leafEnd) : plain.length
    const flags = view.getUint8(Math.min(at, plain.length - 1))
    const tag = (flags & OPENS) === 0 ? 0 : TAG_BYTES
    const next = payloadEnd + tag + ((flags & CLOSES) === 0 ? 0 : 8)
    if (!isThere || !isWhole || next > plain.length) {
      throw malformed(first, `entry ${first + position} is cut short`)
    }
    leaves[2 * position] = at + 3
    leaves[2 * position + 1] = leafEnd
    payloads[2 * position] = leafEnd + 4
    payloads[2 * position + 1] = payloadEnd
    at = next
  }
  if (at !== plain.length) throw malformed(first, `${plain.length - at} bytes left over`)
  return { leaves, payloads }
}

function decodeEntry(
  index: LeafIndex,
  plain: Uint8Array,
  view: DataView,
  at: number,
): { readonly entry: StoredEntry; readonly next: number } {
  const flags = view.getUint8(at)
  const leafEnd = at + 3 + view.getUint16(at + 1)
  const payloadEnd = leafEnd + 4 + view.getUint32(leafEnd)
  const tagEnd = payloadEnd + ((flags & OPENS) === 0 ? 0 : TAG_BYTES)
  const next = tagEnd + ((flags & CLOSES) === 0 ? 0 : 8)
  if (next > plain.length) throw new RangeError(`entry ends at byte ${next} of ${plain.length}`)
  const entry = {
    index,
    leaf: plain.subarray(at + 3, leafEnd),
    payload: plain.subarray(leafEnd + 4, payloadEnd),
    opens: (flags & OPENS) === 0 ? undefined : plain.subarray(payloadEnd, tagEnd),
    closes: (flags & CLOSES) === 0 ? undefined : (readUint64(view, tagEnd) as LeafIndex),
  }
  return { entry, next }
}

function malformed(first: LeafIndex, why: string, cause?: unknown): LedgerError {
  return new LedgerError('LEDGER_DAMAGED', `frame of entry ${first}: ${why}`, { cause })
}
