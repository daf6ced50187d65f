export { claimDirectory } from './claim-directory.ts'
export { DiskError, type DiskErrorCode, diskErrorCode } from './disk-error.ts'
export { nodeDisk, READ_BYTES_MAX } from './node-disk.ts'
export { sqliteLock } from './sqlite-lock.ts'
export { systemClock } from './system-clock.ts'
export { systemRandom } from './system-random.ts'
export type {
  Claim,
  Clock,
  DirectoryEntry,
  Disk,
  DiskFile,
  FileFacts,
  FileKind,
  Lock,
  Locked,
  OpenMode,
  Ownership,
  Random,
  Timer,
} from './types.ts'
export { TEMPORARY_SUFFIX, writeFileDurably } from './write-file.ts'
