import type { LeafIndex, TreeSize } from '@countersign/tlog'

/** Consecutive entries as the packer sees them; it may keep their memory. */
export interface PackedBatch {
  readonly first: LeafIndex
  readonly count: number
  /** Holds the payloads: of each entry two numbers, where its own begins and ends. */
  readonly bytes: Uint8Array
  readonly payloads: Int32Array
}

/** The entries `first` to `end - 1`, which one write-ahead segment holds. */
export interface Span {
  readonly first: LeafIndex
  readonly end: TreeSize
}

/** A file that will not change any more, for the recorder's `block` records. */
export interface PackReport {
  readonly kind: 'records' | 'acts' | 'persons'
  /** The block's number, or the first entry of a `persons` file. */
  readonly block: number
  readonly sha256: Uint8Array
  readonly bytes: number
}

/**
 * Packs entries into encrypted blocks. The vault implements it; it runs where integration runs.
 * Calls do not overlap, except that entries are added while `settle` or `closeSegment` is under
 * way: those look at what lies below their size or span.
 */
export interface Packer {
  /** In order, each entry durable in the write-ahead log. After `resume`, entries come again. */
  add(batch: PackedBatch): void
  /** When it resolves every full block below `size` is durable, its keys before it. */
  settle(size: TreeSize): Promise<readonly PackReport[]>
  /** When it resolves the write-ahead segment is needed no more. */
  closeSegment(span: Span): Promise<readonly PackReport[]>
  /** Of the batches that were added it keeps nothing below this entry. */
  readonly keptFrom: number
  /** Forgets what is in memory: the entries of every segment still kept are added again. */
  resume(size: TreeSize): Promise<void>
}
