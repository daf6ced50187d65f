import { z } from 'zod'
import { SEGMENT_LIMITS } from './wal-writer.ts'

/** The section `ledger` of the configuration file. */
export const ledgerConfigSchema = z.strictObject({
  /** A new checkpoint this often while the log grows. */
  publishEveryMs: z.int().min(10).max(60_000).default(1_000),
  /** A heartbeat record this often while it does not. */
  heartbeatEveryMs: z.int().min(100).max(3_600_000).default(60_000),
  /** The write-ahead log grows by this many bytes of zeros at a time. */
  preallocateBytes: z.int().min(4_096).max(16_777_216).default(SEGMENT_LIMITS.preallocateBytes),
  segmentEntriesMax: z.int().min(1).max(65_536).default(SEGMENT_LIMITS.segmentEntriesMax),
  segmentBytesMax: z.int().min(65_536).max(67_108_864).default(SEGMENT_LIMITS.segmentBytesMax),
  segmentAgeMsMax: z.int().min(1_000).max(3_600_000).default(SEGMENT_LIMITS.segmentAgeMsMax),
})

export type LedgerConfig = z.infer<typeof ledgerConfigSchema>
