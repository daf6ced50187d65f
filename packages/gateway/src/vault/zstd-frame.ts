// RFC 8878, as far as it takes to say where a frame ends and what it says of its content.

const MAGIC = [0x28, 0xb5, 0x2f, 0xfd]
const DESCRIPTOR_AT = 4
const SINGLE_SEGMENT = 0x20
const RESERVED = 0x08
const CHECKSUM = 0x04
const CHECKSUM_BYTES = 4
const DICTIONARY_ID_BYTES = [0, 1, 2, 4]
const BLOCK_HEAD_BYTES = 3
const [RUN, NO_BLOCK] = [1, 3]

/**
 * Says whether `bytes` are one frame that declares `contentBytes` of content, and nothing else:
 * then it stands among others without anything of it being taken for a part of them. The decoder
 * holds a frame to what it declares.
 */
export function isFrameOf(bytes: Uint8Array, contentBytes: number): boolean {
  if (!MAGIC.every((byte, at) => bytes[at] === byte)) return false
  const descriptor = bytes[DESCRIPTOR_AT] ?? RESERVED
  const [isSingle, sizeForm] = [(descriptor & SINGLE_SEGMENT) !== 0, descriptor >> 6]
  if ((descriptor & RESERVED) !== 0 || (sizeForm === 0 && !isSingle)) return false
  const sizeAt = DESCRIPTOR_AT + 1 + (isSingle ? 0 : 1) + (DICTIONARY_ID_BYTES[descriptor & 3] ?? 0)
  const sizeBytes = 1 << sizeForm
  if (sizeOf(bytes, sizeAt, sizeBytes) !== contentBytes) return false
  const end = blocksEnd(bytes, sizeAt + sizeBytes)
  return end + ((descriptor & CHECKSUM) === 0 ? 0 : CHECKSUM_BYTES) === bytes.length
}

function sizeOf(bytes: Uint8Array, at: number, count: number): number {
  let size = count === 2 ? 256 : 0
  for (let nth = 0; nth < count; nth++) size += (bytes[at + nth] ?? 0) * 0x100 ** nth
  return size
}

/** Where the last block ends; beyond the end where there is none. */
function blocksEnd(bytes: Uint8Array, start: number): number {
  let at = start
  while (at + BLOCK_HEAD_BYTES <= bytes.length) {
    const head = (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16)
    const type = (head >> 1) & 3
    if (type === NO_BLOCK) break
    at += BLOCK_HEAD_BYTES + (type === RUN ? 1 : head >> 3)
    if ((head & 1) !== 0) return at
  }
  return Number.POSITIVE_INFINITY
}
