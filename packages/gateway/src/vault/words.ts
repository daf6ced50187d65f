/**
 * Comparing and reading a few bytes where they stand: a call into the runtime costs more than most
 * of these take, and a loop over bytes more than one over words.
 */

const NOTHING = new Uint8Array(0)
let lastMemory: Uint8Array = NOTHING
let lastView: DataView = new DataView(NOTHING.buffer)

/** Mostly the same memory as before: a view for each section would cost more than reading it. */
export function viewOf(memory: Uint8Array): DataView {
  if (memory !== lastMemory) {
    lastMemory = memory
    lastView = new DataView(memory.buffer, memory.byteOffset, memory.length)
  }
  return lastView
}

const WORD_BYTES = 8
const HALF_BYTES = 4

/** Whether `length` bytes are the same; both ranges lie in their memory. */
export function isSameAt(
  one: DataView,
  start: number,
  other: DataView,
  from: number,
  length: number,
): boolean {
  if (length < HALF_BYTES) return isSameShort(one, start, other, from, length)
  if (length < WORD_BYTES) {
    // Two halves that share some bytes, instead of what is left byte for byte.
    const last = length - HALF_BYTES
    return (
      one.getInt32(start) === other.getInt32(from) &&
      one.getInt32(start + last) === other.getInt32(from + last)
    )
  }
  const last = length - WORD_BYTES
  for (let at = 0; at < last; at += WORD_BYTES) {
    if (one.getBigInt64(start + at) !== other.getBigInt64(from + at)) return false
  }
  return one.getBigInt64(start + last) === other.getBigInt64(from + last)
}

function isSameShort(
  one: DataView,
  start: number,
  other: DataView,
  from: number,
  length: number,
): boolean {
  for (let at = 0; at < length; at++) {
    if (one.getUint8(start + at) !== other.getUint8(from + at)) return false
  }
  return true
}

const NOT_HEX = -1
/** By two characters as one number, the byte that they are the lower-case digits of. */
const BYTE_OF = new Int16Array(0x1_0000).fill(NOT_HEX)
/** The other way round. */
const DIGITS_OF = new Uint16Array(256)
for (let byte = 0; byte < 256; byte++) {
  const digits = byte.toString(16).padStart(2, '0')
  DIGITS_OF[byte] = digits.charCodeAt(0) * 256 + digits.charCodeAt(1)
  BYTE_OF[DIGITS_OF[byte] ?? 0] = byte
}

/**
 * Reads two digits for each of `length` bytes; false where one is no lower-case hexadecimal digit.
 * The digits lie in memory.
 */
export function readHexAt(
  from: DataView,
  start: number,
  into: Uint8Array,
  at: number,
  length: number,
): boolean {
  let all = 0
  for (let byte = 0; byte < length; byte++) {
    const value = BYTE_OF[from.getUint16(start + 2 * byte)] ?? NOT_HEX
    all |= value
    into[at + byte] = value
  }
  return all >= 0
}

/** Whether the digits of `length` bytes of `bytes` stand there; both lie in their memory. */
export function isHexAt(
  bytes: Uint8Array,
  place: number,
  length: number,
  from: DataView,
  start: number,
): boolean {
  for (let byte = 0; byte < length; byte++) {
    if (DIGITS_OF[bytes[place + byte] ?? 0] !== from.getUint16(start + 2 * byte)) return false
  }
  return true
}

const DASH = 0x2d
/** Bytes of each part of a UUID. */
const UUID_PARTS = [4, 2, 2, 2, 6]
export const UUID_CHARACTERS = 36

/** As `readHexAt`, of a UUID in lower case. */
export function readUuidAt(from: DataView, start: number, into: Uint8Array, at: number): boolean {
  let [next, to] = [start, at]
  for (let part = 0; part < UUID_PARTS.length; part++) {
    if (part > 0 && from.getUint8(next++) !== DASH) return false
    const length = UUID_PARTS[part] ?? 0
    if (!readHexAt(from, next, into, to, length)) return false
    next += 2 * length
    to += length
  }
  return true
}

/** As `isHexAt`, of a UUID. */
export function isUuidAt(bytes: Uint8Array, place: number, from: DataView, start: number): boolean {
  let [byte, at] = [place, start]
  for (let part = 0; part < UUID_PARTS.length; part++) {
    if (part > 0 && from.getUint8(at++) !== DASH) return false
    const length = UUID_PARTS[part] ?? 0
    if (!isHexAt(bytes, byte, length, from, at)) return false
    byte += length
    at += 2 * length
  }
  return true
}
