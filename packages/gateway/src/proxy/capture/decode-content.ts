import { promisify } from 'node:util'
import { brotliDecompress, gunzip, inflate, inflateRaw, zstdDecompress } from 'node:zlib'

type Decoder = (bytes: Uint8Array, limits: { maxOutputLength: number }) => Promise<Buffer>

// Some senders of `deflate` leave out the frame that it should have (RFC 9110, section 8.4.1.2).
const deflate: Decoder = async (bytes, limits) => {
  const hasFrame =
    ((bytes[0] ?? 0) & 0x0f) === 8 && (((bytes[0] ?? 0) << 8) | (bytes[1] ?? 0)) % 31 === 0
  return hasFrame ? promisify(inflate)(bytes, limits) : promisify(inflateRaw)(bytes, limits)
}

const DECODERS = new Map<string, Decoder>([
  ['gzip', promisify(gunzip)],
  ['x-gzip', promisify(gunzip)],
  ['br', promisify(brotliDecompress)],
  ['zstd', promisify(zstdDecompress)],
  ['deflate', deflate],
])

export type Decoded = { readonly bytes: Uint8Array } | 'coding' | 'too-large' | 'malformed'

/** Undoes a content coding, and makes no more of it than `bytesMax`. */
export async function decodeContent(
  coding: string,
  bytes: Uint8Array,
  bytesMax: number,
): Promise<Decoded> {
  const decoder = DECODERS.get(coding)
  if (decoder === undefined) return 'coding'
  try {
    return { bytes: await decoder(bytes, { maxOutputLength: bytesMax }) }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    return code === 'ERR_BUFFER_TOO_LARGE' ? 'too-large' : 'malformed'
  }
}
