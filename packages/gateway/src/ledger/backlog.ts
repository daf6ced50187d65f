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

/**
 * Beyond either each batch waits a little before it is written, the longer the more: the time is
 * the integration's, which on a core that is all taken has too little. At the limit it would be
 * waited for whole, by everybody at once.
 */
const HELD_FROM_ENTRIES = 32_768
const HELD_FROM_BYTES = 33_554_432
const HOLD_MS_MAX = 50

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

  /** How long the next batch waits. */
  holdMs(end: TreeSize): number {
    const entries = end - this.#settled - HELD_FROM_ENTRIES
    const share = Math.max(
      entries / (BACKLOG_ENTRIES_MAX - HELD_FROM_ENTRIES),
      (this.#bytes - HELD_FROM_BYTES) / (BACKLOG_BYTES_MAX - HELD_FROM_BYTES),
    )
    return Math.min(HOLD_MS_MAX, Math.max(0, Math.round(share * HOLD_MS_MAX)))
  }

  get #bytes(): number {
    return this.#addedBytes - this.#settledBytes
  }
}
