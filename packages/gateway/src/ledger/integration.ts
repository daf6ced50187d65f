import type { Hash, LeafIndex, TreeSize } from '@countersign/tlog'
import type { PackReport, Span } from './packer.ts'

/** The plain text of one durable frame. Whoever gets it owns its memory until it is spent. */
export interface PlainBatch {
  readonly first: LeafIndex
  readonly count: number
  readonly plain: Uint8Array
}

/** What stands on the disk, flushed, read again and hashed again. */
export interface Settled {
  readonly size: TreeSize
  readonly root: Hash
  readonly reports: readonly PackReport[]
}

/**
 * From durable entries to the files of the log and the blocks. It runs in this thread, or in a
 * worker behind the same interface; calls are carried out in the order they were made.
 */
export interface Integration {
  /** Begins at a published size whose root is known, from the tiles on the disk. */
  resume(size: TreeSize, root: Hash): Promise<void>
  /** Next entries in order. Those below the tree's size go to the packer alone. */
  add(batch: PlainBatch): void
  /**
   * Makes everything added so far durable, then reads it again and hashes it again. Fails with
   * DISK_FULL and may be called again; with LEDGER_INTEGRATION when what reads back is not what
   * was written.
   */
  settle(): Promise<Settled>
  /** Packs the rest of what a write-ahead segment holds. May be called again after DISK_FULL. */
  closeSegment(span: Span): Promise<readonly PackReport[]>
  /** Removes partial tiles and bundles that a full one below `size` replaced. */
  collect(size: TreeSize): Promise<void>
  /** Is told of the memory of batches, whole, that nobody looks at any more. */
  onSpent(listener: (spent: readonly Uint8Array[]) => void): void
  close(): Promise<void>
}
