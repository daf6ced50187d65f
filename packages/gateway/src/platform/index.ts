export { forEachAtOnce } from './at-once.ts'
export { claimDirectory } from './claim-directory.ts'
export { ed25519, mlDsa44, nodeSha256, type SeededAlgorithm, type SeededSigner } from './crypto.ts'
export { DiskError, type DiskErrorCode, diskErrorCode } from './disk-error.ts'
export { type DiskIllness, FaultyDisk } from './faulty-disk.ts'
export { giveWay } from './give-way.ts'
export {
  type HttpClient,
  HttpError,
  type HttpErrorCode,
  type HttpRequest,
  type HttpResponse,
} from './http-client.ts'
export { JumpingClock } from './jumping-clock.ts'
export { readLatin1, writeLatin1, writeUtf8 } from './latin1.ts'
export { nodeDisk, READ_BYTES_MAX } from './node-disk.ts'
export { RemoteLock, serveLock } from './remote-lock.ts'
export { roomyDisk } from './roomy-disk.ts'
export { tuneRuntime } from './runtime.ts'
export { openSeenFile, type SeenFile } from './seen-file.ts'
export type { DiskFault, DiskOperation } from './simulated/fault-plan.ts'
export { MemoryClaims } from './simulated/memory-claims.ts'
export { LockCell, type MemoryLock, memoryLock } from './simulated/memory-lock.ts'
export { SeededRandom } from './simulated/seeded-random.ts'
export { SimulatedClock, settled } from './simulated/simulated-clock.ts'
export { SimulatedDisk } from './simulated/simulated-disk.ts'
export { sqliteLock } from './sqlite-lock.ts'
export { StateFile, type StateFileOptions } from './state-file.ts'
export { systemClock } from './system-clock.ts'
export { systemRandom } from './system-random.ts'
export { TLS_SUITES } from './tls-suites.ts'
export type {
  Claim,
  Clock,
  DirectoryEntry,
  Disk,
  DiskFile,
  DiskSpace,
  FileFacts,
  FileKind,
  Lock,
  Locked,
  OpenMode,
  Ownership,
  Random,
  Timer,
} from './types.ts'
export { Views } from './views.ts'
export { isTemporaryName, TEMPORARY_SUFFIX, writeFileDurably } from './write-file.ts'
