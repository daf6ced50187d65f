import { parseTimeUs, TIME_BYTES } from './column-time.ts'
import { isSameAt, readHexAt, readUuidAt, UUID_CHARACTERS, viewOf } from './words.ts'

/**
 * Cuts the JSON of a section into what all sections of its shape share and what varies. The shared
 * bytes, with one mark for each varying value, are the *skeleton*. A value gets a typed mark only
 * if its text follows from the value alone, so that writing it back gives the same bytes; all else
 * is text, and what is no JSON of ours at all is not cut.
 */
export const MARKS = {
  /** The inside of a string, or a literal, or a number that is not in shortest integer form. */
  text: 1,
  /** An integer in shortest form, of at most 15 digits. */
  integer: 2,
  /** `0190163d-8694-739b-aea5-966c26f8ad91`: 16 bytes. */
  uuid: 3,
  /** `2026-11-21T08:10:00.123456Z`: microseconds. */
  time: 4,
  /** 16 lower-case hexadecimal digits: 8 bytes. */
  hex8: 5,
  /** 32 of them: 16 bytes. */
  hex16: 6,
  /** 64 of them: 32 bytes. */
  hex32: 7,
} as const

/** Bytes above the marks may stand in a skeleton; JSON text has none below. */
export const MARK_MAX = 0x1f
export const SCANNED_BYTES_MAX = 65_536
const VALUES_MAX = 1024
/** No identifier has more. */
export const DECODED_BYTES = 32
const INTEGER_DIGITS_MAX = 15
const TRACE_CHARACTERS = 55
const QUOTE = 0x22
const BACKSLASH = 0x5c
const COLON = 0x3a
const DASH = 0x2d
const [ZERO, NINE] = [0x30, 0x39]

const NOT_HEX = 0xff
const HEX = new Uint8Array(256).fill(NOT_HEX)
for (let value = 0; value < 16; value++) HEX[value.toString(16).charCodeAt(0)] = value

/** A skeleton, and where its marks stand in it. */
export class Skeleton {
  readonly bytes: Uint8Array
  readonly marks: Uint8Array
  readonly places: Int32Array
  readonly view: DataView

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    this.marks = bytes.filter((byte) => byte <= MARK_MAX)
    this.places = new Int32Array(this.marks.length)
    let found = 0
    for (let at = 0; at < bytes.length; at++) {
      if ((bytes[at] ?? 0) <= MARK_MAX) this.places[found++] = at
    }
  }
}

/** What one scan found; overwritten by the next. */
export class JsonScan {
  // A value may be empty where its mark is not.
  readonly skeleton: Buffer = Buffer.alloc(SCANNED_BYTES_MAX + VALUES_MAX)
  skeletonLength = 0
  count = 0
  readonly marks: Uint8Array = new Uint8Array(VALUES_MAX)
  readonly starts: Int32Array = new Int32Array(VALUES_MAX)
  readonly ends: Int32Array = new Int32Array(VALUES_MAX)
  /** Of integers and times. */
  readonly numbers: Float64Array = new Float64Array(VALUES_MAX)
  /** Of texts, 1: printable ASCII without quote and backslash. `follows` alone says it. */
  readonly isPlain: Uint8Array = new Uint8Array(VALUES_MAX)
  /** Of identifiers, DECODED_BYTES for each value; `follows` alone puts them there. */
  readonly decoded: Uint8Array = new Uint8Array(VALUES_MAX * DECODED_BYTES)

  /**
   * Cuts what stands from `start` to `stop`. False when it is not cut: too many bytes, control
   * characters, or an open string.
   */
  scan(bytes: Uint8Array, start: number, stop: number): boolean {
    if (stop - start > SCANNED_BYTES_MAX) return false
    this.skeletonLength = 0
    this.count = 0
    let at = start
    while (at < stop) {
      const byte = bytes[at] ?? 0
      if (byte <= MARK_MAX || this.count > VALUES_MAX - 3) return false
      if (byte === QUOTE) at = this.#string(bytes, at, stop)
      else if (isWord(byte)) at = this.#word(bytes, at, stop)
      else {
        this.#copy(byte)
        at++
      }
      if (at < 0) return false
    }
    return true
  }

  /**
   * As `scan`, but asks only whether the bytes follow this skeleton, which is quicker: most
   * sections have the shape of one before. The values may be cut elsewhere than `scan` would cut
   * them; with the skeleton they give the same bytes.
   */
  follows(skeleton: Skeleton, bytes: Uint8Array, start: number, stop: number): boolean {
    const { bytes: shared, view: sharedView, marks, places } = skeleton
    if (stop - start > SCANNED_BYTES_MAX) return false
    const view = viewOf(bytes)
    let at = start
    let from = 0
    for (let value = 0; value < places.length; value++) {
      const place = places[value] ?? 0
      const length = place - from
      if (at + length > stop || !isSameAt(sharedView, from, view, at, length)) return false
      at += length
      this.starts[value] = at
      at = this.#endOf(marks[value] ?? 0, bytes, at, stop, value, shared[place - 1] === QUOTE)
      if (at < 0 || at > stop) return false
      this.ends[value] = at
      from = place + 1
    }
    this.count = places.length
    const length = shared.length - from
    return at + length === stop && isSameAt(sharedView, from, view, at, length)
  }

  /** Where the value of this mark ends that begins at `start`; −1 when it is of another kind. */
  #endOf(
    mark: number,
    bytes: Uint8Array,
    start: number,
    stop: number,
    value: number,
    isQuoted: boolean,
  ): number {
    switch (mark) {
      case MARKS.text: {
        const end = isQuoted ? endOfPlain(bytes, start) : endOfWord(bytes, start, stop)
        const isPlain = !isQuoted || bytes[end] === QUOTE
        this.isPlain[value] = isPlain ? 1 : 0
        return isPlain ? end : endOfString(bytes, end)
      }
      case MARKS.integer: {
        const end = endOfDigits(bytes, start, stop)
        const integer = integerOf(bytes, start, end)
        this.numbers[value] = integer
        return integer === NO_INTEGER || (end < stop && isWord(bytes[end] ?? 0)) ? -1 : end
      }
      case MARKS.time: {
        const atUs = parseTimeUs(bytes, start)
        this.numbers[value] = atUs
        return atUs < 0 ? -1 : start + TIME_BYTES
      }
      case MARKS.uuid: {
        const end = start + UUID_CHARACTERS
        if (end > stop) return -1
        const isRead = readUuidAt(viewOf(bytes), start, this.decoded, value * DECODED_BYTES)
        return isRead ? end : -1
      }
      default: {
        const length = hexBytes(mark)
        const end = start + 2 * length
        if (end > stop) return -1
        const isRead = readHexAt(viewOf(bytes), start, this.decoded, value * DECODED_BYTES, length)
        return isRead ? end : -1
      }
    }
  }

  /** A string that a colon follows is a name, and part of the skeleton. */
  #string(bytes: Uint8Array, open: number, stop: number): number {
    const end = endOfString(bytes, open + 1)
    if (end < 0 || end >= stop) return -1
    if (end + 1 < stop && bytes[end + 1] === COLON) {
      for (let at = open; at <= end; at++) this.#copy(bytes[at] ?? 0)
      return end + 1
    }
    this.#copy(QUOTE)
    this.#value(bytes, open + 1, end)
    this.#copy(QUOTE)
    return end + 1
  }

  #value(bytes: Uint8Array, start: number, end: number): void {
    const length = end - start
    if (length === 64 && isHex(bytes, start, end)) this.#mark(MARKS.hex32, start, end)
    else if (length === 32 && isHex(bytes, start, end)) this.#mark(MARKS.hex16, start, end)
    else if (length === 16 && isHex(bytes, start, end)) this.#mark(MARKS.hex8, start, end)
    else if (length === UUID_CHARACTERS && isUuid(bytes, start)) {
      this.#mark(MARKS.uuid, start, end)
    } else if (length === TRACE_CHARACTERS && isTrace(bytes, start)) this.#trace(bytes, start)
    else if (length === TIME_BYTES) this.#time(bytes, start, end)
    else this.#mark(MARKS.text, start, end)
  }

  #time(bytes: Uint8Array, start: number, end: number): void {
    const atUs = parseTimeUs(bytes, start)
    this.numbers[this.count] = atUs
    this.#mark(atUs < 0 ? MARKS.text : MARKS.time, start, end)
  }

  /** `00-` trace id `-` parent id `-` flags. */
  #trace(bytes: Uint8Array, start: number): void {
    for (let at = start; at < start + 3; at++) this.#copy(bytes[at] ?? 0)
    this.#mark(MARKS.hex16, start + 3, start + 35)
    this.#copy(DASH)
    this.#mark(MARKS.hex8, start + 36, start + 52)
    for (let at = start + 52; at < start + 55; at++) this.#copy(bytes[at] ?? 0)
  }

  #word(bytes: Uint8Array, start: number, stop: number): number {
    const end = endOfWord(bytes, start, stop)
    const value = integerOf(bytes, start, end)
    if (value === NO_INTEGER) this.#mark(MARKS.text, start, end)
    else {
      this.numbers[this.count] = value
      this.#mark(MARKS.integer, start, end)
    }
    return end
  }

  #mark(mark: number, start: number, end: number): void {
    this.#copy(mark)
    this.marks[this.count] = mark
    this.starts[this.count] = start
    this.ends[this.count] = end
    this.count++
  }

  #copy(byte: number): void {
    this.skeleton[this.skeletonLength++] = byte
  }
}

/** The place of the closing quote; −1 for an open string or a bare control character. */
function endOfString(bytes: Uint8Array, start: number): number {
  let end = start
  let byte = bytes[end] ?? 0
  while (byte !== QUOTE) {
    if (byte === BACKSLASH) byte = bytes[++end] ?? 0
    if (byte <= MARK_MAX) return -1
    byte = bytes[++end] ?? 0
  }
  return end
}

const PLAIN = new Uint8Array(256).fill(1, 0x20, 0x7f)
PLAIN[QUOTE] = 0
PLAIN[BACKSLASH] = 0

/** Where something stands that is not plain: most often the closing quote. */
function endOfPlain(bytes: Uint8Array, start: number): number {
  let end = start
  while (PLAIN[bytes[end] ?? 0] === 1) end++
  return end
}

/** As `endOfWord`, of digits and a sign before them. */
function endOfDigits(bytes: Uint8Array, start: number, stop: number): number {
  let end = bytes[start] === DASH ? start + 1 : start
  while (end < stop && isDigit(bytes[end] ?? 0)) end++
  return end
}

function isDigit(byte: number): boolean {
  return byte >= ZERO && byte <= NINE
}

function endOfWord(bytes: Uint8Array, start: number, stop: number): number {
  let end = start
  while (end < stop && isWord(bytes[end] ?? 0)) end++
  return end
}

function hexBytes(mark: number): number {
  if (mark === MARKS.hex8) return 8
  return mark === MARKS.hex16 ? 16 : 32
}

/** Literals and numbers: `true`, `-12`, `1.5e3`. */
function isWord(byte: number): boolean {
  return (
    isDigit(byte) ||
    (byte >= 0x61 && byte <= 0x7a) ||
    byte === DASH ||
    byte === 0x2b ||
    byte === 0x2e ||
    byte === 0x45
  )
}

/** No integer of at most 15 digits. */
const NO_INTEGER = Number.MAX_SAFE_INTEGER

function integerOf(bytes: Uint8Array, start: number, end: number): number {
  const negative = bytes[start] === DASH
  const first = negative ? start + 1 : start
  const digits = end - first
  if (digits < 1 || digits > INTEGER_DIGITS_MAX) return NO_INTEGER
  if (bytes[first] === ZERO && (digits > 1 || negative)) return NO_INTEGER
  let value = 0
  for (let at = first; at < end; at++) {
    const digit = (bytes[at] ?? 0) - ZERO
    if (digit < 0 || digit > 9) return NO_INTEGER
    value = value * 10 + digit
  }
  return negative ? -value : value
}

function isHex(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (HEX[bytes[at] ?? 0] === NOT_HEX) return false
  return true
}

function isUuid(bytes: Uint8Array, start: number): boolean {
  for (let at = 0; at < UUID_CHARACTERS; at++) {
    const byte = bytes[start + at] ?? 0
    const isDash = at === 8 || at === 13 || at === 18 || at === 23
    if (isDash ? byte !== DASH : HEX[byte] === NOT_HEX) return false
  }
  return true
}

function isTrace(bytes: Uint8Array, start: number): boolean {
  return (
    bytes[start] === ZERO &&
    bytes[start + 1] === ZERO &&
    bytes[start + 2] === DASH &&
    isHex(bytes, start + 3, start + 35) &&
    bytes[start + 35] === DASH &&
    isHex(bytes, start + 36, start + 52) &&
    bytes[start + 52] === DASH
  )
}
