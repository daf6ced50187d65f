import { malformed } from './byte-stream.ts'
import { VaultError } from './errors.ts'
import { AGAIN, guarded } from './frames.ts'
import { VALUES_MAX } from './integer-column.ts'
import { digestAt, PackedRow, type RowSource, SECTION_HEAD_BYTES } from './packed-row.ts'
import { CLOSED_STATE, NO_PLACE, partsOf } from './row-reader.ts'
import { OPAQUE_SECTIONS } from './table-encoder.ts'
import { isUuidAt, UUID_CHARACTERS, viewOf } from './words.ts'

const ID_BYTES = 16
const DIGEST_BYTES = 32
/** Offsets are far below. */
const NUMBER_MAX = 0x80 ** 5

const row = new PackedRow()

/**
 * Whether a pack of layout 2 says exactly these rows, byte for byte: nothing is sealed that does
 * not. Its frame is taken apart and read as `row-reader.ts` reads it, but nothing is made of it:
 * each byte is held against what it stands for. What is malformed says nothing.
 */
export function saysPlainRows(
  plain: Uint8Array,
  from: RowSource,
  options: { readonly hasRecordIds: boolean },
): boolean {
  try {
    return guarded(() => new RowCheck(plain, options.hasRecordIds).says(from))
  } catch (error) {
    if (error instanceof VaultError) return false
    throw error
  }
}

class RowCheck {
  readonly #count: number
  readonly #hasRecordIds: boolean
  readonly #bytes: Uint8Array
  readonly #ids: Uint8Array
  readonly #digests: Uint8Array
  #at = 0
  #idsRead = 0
  #digestsRead = 0
  #sections = 0

  constructor(plain: Uint8Array, hasRecordIds: boolean) {
    const { count, frame, frameBytes, ids, digests } = partsOf(plain)
    this.#count = count
    this.#hasRecordIds = hasRecordIds
    this.#bytes = frame.length === frameBytes ? frame : AGAIN.content(frame, frameBytes)
    this.#ids = ids
    this.#digests = digests
    if (this.#bytes.length !== frameBytes) throw malformed('frame is not as long as it says')
  }

  says(from: RowSource): boolean {
    if (this.#count !== from.count) return false
    let next = 0
    for (let nth = 0; nth < from.count; nth++) {
      from.read(nth, row)
      next += this.#number()
      if (next++ !== row.offset || !this.#saysRow()) return false
    }
    return (
      this.#at === this.#bytes.length &&
      this.#idsRead === this.#ids.length &&
      this.#digestsRead === this.#digests.length &&
      this.#sections <= VALUES_MAX
    )
  }

  #saysRow(): boolean {
    const bytes = this.#bytes
    if (bytes[this.#at++] !== row.kind) return false
    if (bytes[this.#at++] !== (row.isOpaque ? OPAQUE_SECTIONS : row.count)) return false
    // It would be read as an opaque payload.
    if (!row.isOpaque && row.count === OPAQUE_SECTIONS) return false
    if (this.#hasRecordIds && !row.isOpaque && !this.#saysId(bytes[this.#at++] ?? NO_PLACE)) {
      return false
    }
    this.#sections += row.count
    for (let nth = 0; nth < row.count; nth++) {
      if (row.isClosed[nth] === true) {
        if (!this.#saysClosed(nth)) return false
      } else if (row.hasHeads) {
        const last = row.runEnd(nth) - 1
        const start = (row.start[nth] ?? 0) - SECTION_HEAD_BYTES
        if (!this.#saysBytes(nth, start, row.end[last] ?? 0)) return false
        nth = last
      } else if (!this.#saysOpen(nth)) return false
    }
    return true
  }

  /** The record's id: in the first section, behind the next head, or the next that stands apart. */
  #saysId(place: number): boolean {
    if (place === NO_PLACE) {
      const at = this.#idsRead
      this.#idsRead += ID_BYTES
      return isAt(this.#ids, at, row.memory, row.recordIdAt, ID_BYTES)
    }
    if (row.count === 0 || row.isClosed[0] === true) return false
    const length = (row.end[0] ?? 0) - (row.start[0] ?? 0)
    const at = this.#at + SECTION_HEAD_BYTES + place
    if (place + UUID_CHARACTERS > length || at + UUID_CHARACTERS > this.#bytes.length) return false
    return isUuidAt(row.memory, row.recordIdAt, viewOf(this.#bytes), at)
  }

  #saysHead(nth: number, length: number, state: number): boolean {
    const [bytes, at] = [this.#bytes, this.#at]
    this.#at += SECTION_HEAD_BYTES
    const told = ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0)
    return bytes[at] === row.ids[nth] && told === length && bytes[at + 4] === state
  }

  #saysOpen(nth: number): boolean {
    const [start, end] = [row.start[nth] ?? 0, row.end[nth] ?? 0]
    return this.#saysHead(nth, end - start, 0) && this.#saysBytes(nth, start, end)
  }

  /** The bytes from `start` to `end` of a section's memory come next. */
  #saysBytes(nth: number, start: number, end: number): boolean {
    const [bytes, at] = [this.#bytes, this.#at]
    this.#at += end - start
    if (this.#at > bytes.length) return false
    const from = row.from[nth] ?? row.memory
    return compareBytes.call(bytes, from, start, end, at, this.#at) === 0
  }

  #saysClosed(nth: number): boolean {
    if (!this.#saysHead(nth, 0, CLOSED_STATE)) return false
    const from = row.from[nth] ?? row.memory
    const [at, digest] = [this.#at, this.#digestsRead]
    this.#at += ID_BYTES
    this.#digestsRead += DIGEST_BYTES
    return (
      isAt(this.#bytes, at, from, row.keyAt[nth] ?? 0, ID_BYTES) &&
      isAt(this.#digests, digest, from, digestAt(row, nth), DIGEST_BYTES)
    )
  }

  #number(): number {
    let value = 0
    for (let scale = 1; scale < NUMBER_MAX; scale *= 0x80) {
      const byte = this.#bytes[this.#at++] ?? 0
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return value
    }
    throw malformed('number is too large')
  }
}

/** Where one of the two ends before, they are not the same. */
function isAt(
  one: Uint8Array,
  start: number,
  other: Uint8Array,
  from: number,
  length: number,
): boolean {
  if (start + length > one.length) return false
  for (let at = 0; at < length; at++) if (one[start + at] !== other[from + at]) return false
  return true
}

// Works on any Uint8Array; views for each call would cost more than the bytes.
const compareBytes = Buffer.prototype.compare as (
  this: Uint8Array,
  other: Uint8Array,
  otherStart: number,
  otherEnd: number,
  start: number,
  end: number,
) => number
