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
