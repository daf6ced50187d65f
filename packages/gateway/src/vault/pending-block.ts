import { BLOCK_ENTRIES, type Family } from './block-path.ts'

/** An entry that waits for its block: one view, which is decoded when it is packed. */
export interface PendingEntry {
  /** Position in its block. */
  readonly offset: number
  readonly payload: Uint8Array
}

/** What one family's files already hold of a block: its first `width` entries. */
export interface SealedPart {
  readonly width: number
  readonly packs: readonly Uint8Array[]
}

export const NOTHING_SEALED: SealedPart = { width: 0, packs: [] }

/** A block in the making. The write-ahead log still holds every entry of `entries`. */
export class PendingBlock {
  readonly number: number
  /** Entries before this offset are in files only. */
  readonly startOffset: number
  entries: PendingEntry[] = []
  sealed: { readonly [family in Family]: SealedPart } | undefined

  constructor(number: number, startOffset: number) {
    this.number = number
    this.startOffset = startOffset
  }

  get first(): number {
    return this.number * BLOCK_ENTRIES
  }
}
