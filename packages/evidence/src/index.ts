export { BLOCK_FILES_MAX } from './act-schemas.ts'
export type {
  Actant,
  ActFacts,
  AdminFacts,
  AlertFacts,
  AnyActFacts,
  ApprovalFacts,
  BlockFacts,
  BlockFile,
  CertificateFacts,
  ChangeFacts,
  ConfigFacts,
  EpochFacts,
  ErasureFacts,
  FoldFacts,
  GapFacts,
  HeartbeatFacts,
  HoldFacts,
  KeyFacts,
  PolicyFacts,
  RecoveryFacts,
  ReferencedFile,
  RetentionFacts,
  StartFacts,
  StopFacts,
  SystemFacts,
  TextPiece,
  WindowFacts,
} from './act-types.ts'
export { cutTexts, joinTexts } from './change-texts.ts'
export {
  type ClosedSection,
  type Disclosure,
  type HeldSection,
  makeDisclosure,
  parseDisclosure,
  type ShownSection,
  verifyDisclosure,
} from './disclosure.ts'
export type { EvidenceErrorCode } from './error.ts'
export { EvidenceError } from './error.ts'
export type { Json, JsonObject } from './json.ts'
export { JSON_DEPTH_MAX, parseJson } from './json.ts'
export type { ActKind, ExchangeKind, Kind, KindRule } from './kinds.ts'
export { isExchangeKind, isKind, KINDS, kindOfCode } from './kinds.ts'
export type { SaltedSection, SaltRequest, SectionDigest, Sha512 } from './leaf.ts'
export {
  cutSalts,
  DIGEST_BYTES,
  encodeLeaf,
  LEAF_BYTES,
  LEAF_VERSION,
  LeafWriter,
  SALT_AT,
  SALT_BYTES,
  SECTION_BYTES_MAX,
  SECTION_HEAD_BYTES,
  sectionDigest,
  sectionDigestInto,
  sectionHead,
} from './leaf.ts'
export { chainMessage, MESSAGE_CHAIN_START, MESSAGES_LISTED_MAX } from './message-chain.ts'
export {
  type CheckedRecord,
  type ExchangeFacts,
  PairChecker,
  type PairRule,
  type PairViolation,
  SILENCE_GRACE_MS,
} from './pairs.ts'
export type { Section } from './parse-section.ts'
export {
  checkSection,
  checkSections,
  parseAct,
  parseSection,
  parseWhen,
  sectionSchema,
} from './parse-section.ts'
export type { Reason, ReasonRule } from './reasons.ts'
export { isReason, REASONS } from './reasons.ts'
export {
  aimReceiptMessage,
  formatReceipt,
  OPEN_BYTES,
  parseReceipt,
  pendingReceiptMessage,
  RECEIPT_CHARACTERS_MAX,
  RECEIPT_HEADER,
  type Receipt,
  type ReceiptClaim,
  receiptHead,
  receiptMessage,
} from './receipt.ts'
export type { Schema, Validate } from './schema.ts'
export { compileSchema } from './schema.ts'
export type {
  Actor,
  BodyFacts,
  CapturableBody,
  CapturedFacts,
  CaptureFacts,
  ClockState,
  CloseFacts,
  Credential,
  Ended,
  FailedAttemptFacts,
  Forwarded,
  GrpcFacts,
  How,
  InspectionFacts,
  LimitFacts,
  MessageCounts,
  MessageDigests,
  PersonalSection,
  PhaseTimings,
  Principal,
  Progress,
  RecordPlace,
  RedactionFacts,
  SampleFacts,
  Seal,
  TlsFacts,
  Via,
  What,
  When,
  Where,
  Who,
  Why,
} from './section-types.ts'
export type { SectionId, SectionName } from './sections.ts'
export { isSectionId, SECTION_NAMES, SECTIONS, sectionId, sectionName } from './sections.ts'
export { FACTS_DEPTH_MAX, isStrictJson, strictJson } from './strict-json.ts'
export { formatTime, parseTime, TIME_US_MAX } from './time.ts'
export { formatUuid, makeUuid, parseUuid, readUuid, UUID_RANDOM_BYTES } from './uuid.ts'
