import type { Sha256, SignatureAlgorithms } from '@countersign/tlog'
import type { Claim, Clock, Disk, Lock } from '../platform/index.ts'
import type { CheckpointSigner } from './checkpoint-signer.ts'
import type { Integration } from './integration.ts'
import type { Sealer } from './sealer.ts'
import type { SegmentLimits } from './wal-writer.ts'

export interface LedgerOptions {
  readonly disk: Disk
  readonly clock: Clock
  readonly lock: Lock
  /** Holds `data/state` against a second process while the instance lives. */
  readonly claim: Claim
  readonly sealer: Sealer
  readonly signer: CheckpointSigner
  readonly sha256: Sha256
  readonly algorithms: SignatureAlgorithms
  readonly openIntegration: () => Integration
  /** The data directory. */
  readonly data: string
  readonly epoch: number
  readonly publishEveryMs: number
  readonly limits: SegmentLimits
  /** `none` where the lock lies on the volume of the data: a restored volume would go unnoticed. */
  readonly rollbackProtection: RollbackProtection
  /** Entries that may be durable but not settled. */
  readonly backlogEntriesMax?: number
  /** Told how long each batch took to be on the disk. */
  readonly onFlush?: (ms: number) => void
}

export type RollbackProtection = 'lock' | 'none'
