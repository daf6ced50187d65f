import type { LeafIndex } from '@countersign/tlog'
import type { Entry, PackReport } from '../ledger/index.ts'

/** What the recorder needs of one life of the ledger: an instance that was opened and may die. */
export interface LedgerLife {
  /** One for each life, never given twice: letters, digits, `-` and `_`. */
  readonly incarnation: string
  /** Entries that were there when it opened. */
  readonly openedAt: number
  readonly recovery: LifeRecovery
  /** The newest checkpoint that this process published. */
  readonly published: { readonly size: number; readonly root: Uint8Array } | undefined
  append(entry: Entry): Promise<LeafIndex>
  onPacked(listener: (reports: readonly PackReport[]) => void): void
}

/** What was found of earlier lives. */
export interface LifeRecovery {
  /** Entries that an earlier life opened and did not close, with their 16-byte tags. */
  readonly interrupted: readonly { readonly index: LeafIndex; readonly tag: Uint8Array }[]
  /** Bytes of a torn tail that were cut. */
  readonly cutBytes: number
  readonly rollbackProtection: string
}

/** Opens one life after the other; tells of each before anybody else can append to it. */
export interface LedgerLives {
  onLife(listener: (life: LedgerLife) => void): void
}
