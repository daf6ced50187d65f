/** Text of which each character is a byte, as bytes of their own: not of the pool Buffers share. */
export function bytesOfText(text: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.from(text, 'latin1'))
}
