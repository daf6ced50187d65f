import type { LeafIndex, TreeSize } from '@countersign/tlog'

/** Where the ledger keeps what, below the data directory. docs/format.md, "Ledger directory". */
export interface Layout {
  /** checkpoint, vkeys, tile/…: servable as it is, holds no secret. */
  readonly log: string
  /** Every published size and root; `notes` below it. */
  readonly checkpoints: string
  readonly wal: string
}

export function layoutOf(data: string, epoch: number): Layout {
  return {
    log: `${data}/${epoch}/log`,
    checkpoints: `${data}/${epoch}/checkpoints`,
    wal: `${data}/state/wal`,
  }
}

/** Below `log`. */
export const CHECKPOINT_NAME = 'checkpoint'
export const VKEYS_NAME = 'vkeys'
/** Below `checkpoints`. */
export const NOTES_NAME = 'notes'

const SEGMENT_NAME = /^([0-9]{16})\.wal$/

export function segmentName(first: LeafIndex | TreeSize): string {
  return `${String(first).padStart(16, '0')}.wal`
}

/** The first index of the segment that `name` names; undefined for any other file. */
export function parseSegmentName(name: string): LeafIndex | undefined {
  const [, digits] = SEGMENT_NAME.exec(name) ?? []
  return digits === undefined ? undefined : (Number(digits) as LeafIndex)
}
