import type { TreeSize } from '@countersign/tlog'

/**
 * Entries that are durable but not settled yet. Beyond either the queue waits for the integration,
 * and where that makes no progress, because its disk is full, entries meet LEDGER_BACKLOG.
 */
export const BACKLOG_ENTRIES_MAX = 98_304
export const BACKLOG_BYTES_MAX = 100_663_296

/** From here on a settle begins before the next publication is due: the worker is kept busy. */
const SETTLE_ENTRIES = 16_384
const SETTLE_BYTES = 16_777_216

/** How far the integration is behind what was acknowledged. */
export class Backlog {
  readonly #entriesMax: number
  #settled: TreeSize
  #addedBytes = 0
  #settledBytes = 0

  constructor(settled: TreeSize, entriesMax: number = BACKLOG_ENTRIES_MAX) {
    this.#settled = settled
    this.#entriesMax = entriesMax
  }

  /** The size that is settled. */
  get settled(): TreeSize {
    return this.#settled
  }

  /** Bytes added so far; what a settle that begins now will cover. */
  get addedBytes(): number {
    return this.#addedBytes
  }

  add(bytes: number): void {
    this.#addedBytes += bytes
  }

  settle(size: TreeSize, addedBytes: number): void {
    this.#settled = size
    this.#settledBytes = addedBytes
  }

  isTooLong(end: TreeSize): boolean {
    return end - this.#settled >= this.#entriesMax || this.#bytes >= BACKLOG_BYTES_MAX
  }

  isWorthSettling(end: TreeSize): boolean {
    return end - this.#settled >= SETTLE_ENTRIES || this.#bytes >= SETTLE_BYTES
  }

  get #bytes(): number {
    return this.#addedBytes - this.#settledBytes
  }
}
