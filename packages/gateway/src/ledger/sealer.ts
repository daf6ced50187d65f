/** How many bytes a sealed text is longer than the plain one: the tag of AES-256-GCM. */
export const SEAL_BYTES = 16

/**
 * Seals write-ahead segments, each under a random key of its own. The vault implements it.
 *
 * A counter is used once for one plain text under one key. The ledger guarantees it: a segment is
 * written by one instance, counters only rise, and a write that failed is never repeated.
 */
export interface Sealer {
  newSegment(): SealedSegment
  /** Throws when the wrapped key cannot be opened. */
  openSegment(wrapped: Uint8Array): OpenedSegment
}

export interface SealedSegment {
  /** The segment's key as its header keeps it, at most 65,535 bytes. */
  readonly wrapped: Uint8Array
  /** Cipher text and tag, SEAL_BYTES longer than `plain`, written to `into` at `at`. */
  seal(counter: number, aad: Uint8Array, plain: Uint8Array, into: Uint8Array, at: number): void
}

export interface OpenedSegment {
  /** Throws when one bit of any argument is not as it was sealed. */
  open(counter: number, aad: Uint8Array, sealed: Uint8Array): Uint8Array
}
