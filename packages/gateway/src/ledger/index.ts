export type { EntryWaiter } from './batch.ts'
export { type CheckpointSigner, localCheckpointSigner } from './checkpoint-signer.ts'
export { type LedgerConfig, ledgerConfigSchema } from './config.ts'
export type { Entry, StoredEntry } from './entry.ts'
export { LedgerError, type LedgerErrorCode } from './error.ts'
export type { Integration, PlainBatch, Settled } from './integration.ts'
export { type KeeperState, LedgerKeeper, type TroubleListener } from './keeper.ts'
export { type Layout, layoutOf } from './layout.ts'
export { Ledger, type PackedListener } from './ledger.ts'
export type { LedgerOptions, RollbackProtection } from './ledger-options.ts'
export { LocalIntegration, type LocalIntegrationOptions } from './local-integration.ts'
export { formatLockRecord, type LockRecord, parseLockRecord } from './lock-record.ts'
export {
  type LogKeysOptions,
  missingKey,
  openLogKeys,
  type SeededAlgorithm,
} from './log-keys.ts'
export { LogReader } from './log-reader.ts'
export type { Recovery } from './open-instance.ts'
export type { PackedBatch, Packer, PackReport, Span } from './packer.ts'
export type { PublishedListener } from './published-watch.ts'
export type { Published } from './publisher.ts'
export {
  type IntegrationPort,
  type IntegrationWorker,
  serveIntegration,
  workerIntegration,
} from './remote-integration.ts'
export type { OpenedSegment, SealedSegment, Sealer } from './sealer.ts'
export type { OpenIntent } from './segment-header.ts'
export type { TornTail } from './segment-reader.ts'
export { type DiskConfig, diskConfigSchema, marksOf } from './space/disk-config.ts'
export { RESERVE_PATH } from './space/reserve-file.ts'
export { type SpaceFacts, type SpaceLevel, SpaceWatch } from './space/space-watch.ts'
export type { CheckpointRow } from './stored-checkpoints.ts'
export { openWal, type PlacedFrame, type Wal, type WalSource } from './wal.ts'
export type { Cut } from './wal-recovery.ts'
export { SEGMENT_LIMITS, type SegmentLimits } from './wal-writer.ts'
