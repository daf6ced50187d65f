import { TlogError } from './error.ts'
import { ENTRY_BYTES_MAX, HASH_BYTES, hashLeafAt, type Sha256 } from './hash.ts'
import { assertWidth } from './tile.ts'

/** Each entry is preceded by its length, big endian. */
const LENGTH_BYTES = 2

/**
 * Returns the entry bundle of 1 to 256 entries: each as uint16 length, then its bytes.
 *
 * @throws TlogError TLOG_WIDTH_RANGE, TLOG_ENTRY_TOO_LARGE
 * @see C2SP tlog-tiles, "Log Entries"
 */
export function encodeBundle(entries: readonly Uint8Array[]): Uint8Array {
  assertWidth(entries.length)
  const bytes = new Uint8Array(entries.reduce((sum, { length }) => sum + LENGTH_BYTES + length, 0))
  let at = 0
  for (const entry of entries) {
    if (entry.length > ENTRY_BYTES_MAX) {
      const message = `entry is ${entry.length} bytes, at most ${ENTRY_BYTES_MAX} are allowed`
      throw new TlogError('TLOG_ENTRY_TOO_LARGE', message)
    }
    bytes[at] = entry.length >> 8
    bytes[at + 1] = entry.length & 0xff
    bytes.set(entry, at + LENGTH_BYTES)
    at += LENGTH_BYTES + entry.length
  }
  return bytes
}

/**
 * Returns the entries of a bundle as views of its bytes, without copying.
 *
 * @param bytes  a bundle and nothing after it
 * @param width  how many entries it must hold, 1 to 256
 * @throws TlogError TLOG_WIDTH_RANGE, TLOG_BUNDLE_LENGTH
 */
export function decodeBundle(bytes: Uint8Array, width: number): readonly Uint8Array[] {
  const entries: Uint8Array[] = []
  walk(bytes, width, (start, end) => entries.push(bytes.subarray(start, end)))
  return entries
}

/**
 * Hashes every entry of a bundle. What it returns is the level-0 tile of the same index and
 * width, so that a verifier compares the two byte by byte.
 *
 * @param bytes  a bundle and nothing after it
 * @param width  how many entries it must hold, 1 to 256
 * @returns      `32 * width` bytes, freshly allocated
 * @throws TlogError TLOG_WIDTH_RANGE, TLOG_BUNDLE_LENGTH
 */
export function hashBundle(sha256: Sha256, bytes: Uint8Array, width: number): Uint8Array {
  assertWidth(width)
  const tile = new Uint8Array(width * HASH_BYTES)
  walk(bytes, width, (start, end, at) =>
    hashLeafAt(sha256, { bytes, start, end }, tile, at * HASH_BYTES),
  )
  return tile
}

function walk(
  bytes: Uint8Array,
  width: number,
  visit: (start: number, end: number, at: number) => void,
): void {
  assertWidth(width)
  let start = 0
  for (let at = 0; at < width; at += 1) {
    const [high, low] = [bytes[start], bytes[start + 1]]
    const end = start + LENGTH_BYTES + ((high ?? 0) << 8) + (low ?? 0)
    if (high === undefined || low === undefined || end > bytes.length) {
      const message = `bundle of ${bytes.length} bytes ends within entry ${at} of ${width}`
      throw new TlogError('TLOG_BUNDLE_LENGTH', message)
    }
    visit(start + LENGTH_BYTES, end, at)
    start = end
  }
  if (start !== bytes.length) {
    const message = `bundle of ${width} entries goes on for ${bytes.length - start} more bytes`
    throw new TlogError('TLOG_BUNDLE_LENGTH', message)
  }
}
