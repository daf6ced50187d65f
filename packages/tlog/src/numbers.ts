import { TlogError } from './error.ts'

declare const leafIndexBrand: unique symbol
declare const treeSizeBrand: unique symbol

/** The position of an entry, from 0. An index is not a size: the brand keeps them apart. */
export type LeafIndex = number & { readonly [leafIndexBrand]: true }

/** A number of entries, from 0. The size of a tree is one more than its last index. */
export type TreeSize = number & { readonly [treeSizeBrand]: true }

/**
 * Returns `value` as the position of an entry.
 *
 * @param value  a safe integer, 0 to 2^53 - 2, so that the size that covers it is safe too
 * @throws TlogError TLOG_NUMBER_RANGE
 */
export function leafIndex(value: number): LeafIndex {
  if (!Number.isSafeInteger(value) || value < 0 || value === Number.MAX_SAFE_INTEGER) {
    throw new TlogError('TLOG_NUMBER_RANGE', `leaf index ${value} is not within 0 to 2^53 - 2`)
  }
  return value as LeafIndex
}

/**
 * Returns `value` as a number of entries.
 *
 * @param value  a safe integer, 0 to 2^53 - 1; the formats allow 2^63 - 1, this package does not
 * @throws TlogError TLOG_NUMBER_RANGE
 */
export function treeSize(value: number): TreeSize {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new TlogError('TLOG_NUMBER_RANGE', `tree size ${value} is not within 0 to 2^53 - 1`)
  }
  return value as TreeSize
}

const CANONICAL_DECIMAL = /^(?:0|[1-9][0-9]{0,15})$/

/**
 * Returns the number that `text` writes in the one way the formats allow: ASCII digits, no sign,
 * no leading zero, at most 2^53 - 1.
 *
 * @throws TlogError TLOG_DECIMAL
 */
export function parseDecimal(text: string): number {
  const value = CANONICAL_DECIMAL.test(text) ? Number(text) : Number.NaN
  if (!Number.isSafeInteger(value)) {
    throw new TlogError('TLOG_DECIMAL', `${quote(text)} is not a canonical decimal below 2^53`)
  }
  return value
}

/** Returns at most 40 characters of `text`, quoted for a message. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text)
}
