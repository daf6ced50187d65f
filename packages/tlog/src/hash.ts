import { TlogError } from './error.ts'

/** The length of every hash in the tree. */
export const HASH_BYTES = 32

/** The longest entry: bundles write its length in two bytes. */
export const ENTRY_BYTES_MAX = 65_535

/** 32 bytes of SHA-256. */
export type Hash = Uint8Array

/** The hash function, given by the caller: native in the gateway, pure in a browser. */
export interface Sha256 {
  /** Returns the SHA-256 of `bytes`, freshly allocated. */
  digest(bytes: Uint8Array): Hash
  /**
   * Writes the SHA-256 of `bytes` to `into` at `offset`. `into` may share memory with `bytes`, so
   * it is written only after all of `bytes` was read.
   */
  digestInto(bytes: Uint8Array, into: Uint8Array, offset: number): void
}

// Both are overwritten by each call and never handed out; calls are synchronous and do not nest.
const leafInput = new Uint8Array(1 + ENTRY_BYTES_MAX)
/** The part of it that the last leaf filled: leaves mostly have one length. */
let lastLeafInput = leafInput
const nodeInput = new Uint8Array(1 + 2 * HASH_BYTES).fill(1, 0, 1)

/**
 * Returns the root of the tree without entries: SHA-256 of nothing.
 *
 * @see RFC 6962, section 2.1
 */
export function emptyRoot(sha256: Sha256): Hash {
  return sha256.digest(new Uint8Array(0))
}

/**
 * Hashes one leaf: SHA-256(0x00 || entry).
 *
 * @param sha256  the hash to use
 * @param entry   0 to 65,535 bytes, without the length that precedes it in a bundle; never kept
 * @returns       32 bytes, freshly allocated
 * @throws TlogError TLOG_ENTRY_TOO_LARGE
 * @see RFC 6962, section 2.1
 */
export function hashLeaf(sha256: Sha256, entry: Uint8Array): Hash {
  const hash = new Uint8Array(HASH_BYTES)
  hashLeafInto(sha256, entry, hash, 0)
  return hash
}

/**
 * Hashes one leaf as `hashLeaf` does, and writes the 32 bytes to `into` at `offset`.
 *
 * @throws TlogError TLOG_ENTRY_TOO_LARGE
 */
export function hashLeafInto(
  sha256: Sha256,
  entry: Uint8Array,
  into: Uint8Array,
  offset: number,
): void {
  hashLeafAt(sha256, { bytes: entry, start: 0, end: entry.length }, into, offset)
}

/** As `hashLeafInto`, of an entry that stands among others: for who has no view of each. */
export function hashLeafAt(
  sha256: Sha256,
  { bytes, start, end }: EntryPlace,
  into: Uint8Array,
  offset: number,
): void {
  const length = end - start
  if (length > ENTRY_BYTES_MAX) {
    const message = `entry is ${length} bytes, at most ${ENTRY_BYTES_MAX} are allowed`
    throw new TlogError('TLOG_ENTRY_TOO_LARGE', message)
  }
  // A leaf has a few bytes: a call that copies them costs more than they do.
  for (let at = 0; at < length; at += 1) leafInput[1 + at] = bytes[start + at] ?? 0
  if (lastLeafInput.length !== 1 + length) lastLeafInput = leafInput.subarray(0, 1 + length)
  sha256.digestInto(lastLeafInput, into, offset)
}

/** Where an entry stands. */
export interface EntryPlace {
  readonly bytes: Uint8Array
  readonly start: number
  readonly end: number
}

/**
 * Hashes one inner node: SHA-256(0x01 || left || right).
 *
 * @param left   32 bytes, the root over the older entries
 * @param right  32 bytes, the root over the newer entries
 * @returns      32 bytes, freshly allocated
 * @throws TlogError TLOG_HASH_LENGTH
 * @see RFC 6962, section 2.1
 */
export function hashNode(sha256: Sha256, left: Hash, right: Hash): Hash {
  assertHash(left)
  assertHash(right)
  nodeInput.set(left, 1)
  nodeInput.set(right, 1 + HASH_BYTES)
  return sha256.digest(nodeInput)
}

/**
 * Refuses what is not 32 bytes long.
 *
 * @throws TlogError TLOG_HASH_LENGTH
 */
export function assertHash(hash: Uint8Array): void {
  if (hash.length === HASH_BYTES) return
  throw new TlogError('TLOG_HASH_LENGTH', `hash is ${hash.length} bytes, not ${HASH_BYTES}`)
}

/** Tells whether two hashes are equal. Hashes are public, so it takes no care of its timing. */
export function equalHashes(one: Hash, other: Hash): boolean {
  return one.length === other.length && one.every((byte, at) => byte === other[at])
}
