// A method that Node has on its Buffers, works on any Uint8Array, and is called without a frame.
const latin1Write = Buffer.prototype.latin1Write as (
  this: Uint8Array,
  text: string,
  offset: number,
  length: number,
) => number

/**
 * Writes `length` characters, each of one byte, into memory that lasts. Not into a small array that
 * was just made: that lies in the runtime's own heap, and would be moved out of it first.
 */
export function writeLatin1(into: Uint8Array, at: number, text: string, length: number): void {
  if (at < 0 || at + length > into.length || text.length < length) {
    throw new RangeError(`no ${length} characters at ${at} of ${into.length} bytes`)
  }
  latin1Write.call(into, text, at, length)
}

const utf8Write = Buffer.prototype.utf8Write as (
  this: Uint8Array,
  text: string,
  offset: number,
) => number

/** Writes as much of `text` as UTF-8 as there is room for, and returns how many bytes it took. */
export function writeUtf8(into: Uint8Array, at: number, text: string): number {
  return utf8Write.call(into, text, at)
}

const latin1Slice = Buffer.prototype.latin1Slice as (
  this: Uint8Array,
  from: number,
  to: number,
) => string

/** The bytes from `from` to `to` as a text of its own, each a character. */
export function readLatin1(bytes: Uint8Array, from: number, to: number): string {
  if (from < 0 || to > bytes.length || from > to) {
    throw new RangeError(`no characters from ${from} to ${to} of ${bytes.length} bytes`)
  }
  return latin1Slice.call(bytes, from, to)
}
