export {
  type BodyDirection,
  type BodyOptions,
  type CapturedBody,
  capturedBody,
} from './captured-body.ts'
export { newestEpoch } from './epoch-choice.ts'
export { Memory, memoryDirectory } from './memory.ts'
export { POLICY_BYTES_MAX } from './policy.ts'
export { type EntryOptions, type ProvenEntry, provenEntry } from './proven-entry.ts'
export { type ReadRecord, type ReadRecordsOptions, readRecords } from './read-records.ts'
export {
  type Finding,
  type FindingKind,
  headline,
  type Report,
  SCOPES,
  type Scope,
  type ScopeName,
  sentence,
} from './report.ts'
export {
  type RecordOptions,
  type ShownRecord,
  type ShownSection,
  shownRecord,
} from './shown-record.ts'
export { type DirectoryOptions, verifyDirectory } from './verify-directory.ts'
export { VerifyError, type VerifyErrorCode } from './verify-error.ts'
export { type ProofOptions, verifyProof } from './verify-proof.ts'
export { type UrlOptions, verifyUrl } from './verify-url.ts'
