/** Byte-wise reading and writing, big-endian, as every format of the vault is. */

const ascii = new TextEncoder()

export function utf8(text: string): Uint8Array {
  return ascii.encode(text)
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(parts)
}

/** A Buffer over the same memory: its number readers and string slices are native. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return bytes instanceof Buffer
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** A string that two byte strings share only when they are equal: a cheap Map key. */
export function mapKey(bytes: Uint8Array, start = 0, end: number = bytes.length): string {
  return latin1Slice.call(bytes, start, end)
}

// Works on any Uint8Array; a Buffer for each call would cost more than the text.
const latin1Slice = Buffer.prototype.latin1Slice as (
  this: Uint8Array,
  start: number,
  end: number,
) => string

export function hex(bytes: Uint8Array): string {
  return asBuffer(bytes).toString('hex')
}

export function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0)
}

export function equalBytes(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0
}
