export {
  BlockPacker,
  type BlockPackerOptions,
  type PackBatch,
  type PackReport,
} from './block-packer.ts'
export {
  BLOCK_ENTRIES,
  type BlockFile,
  blockPath,
  type Family,
  parseBlockPath,
  personsPath,
} from './block-path.ts'
export {
  BlockReader,
  type BlockReaderOptions,
  type OpenedBlock,
  type SealedBlock,
} from './block-reader.ts'
export { BODY_ALGORITHM } from './bodies/body-format.ts'
export { BODIES_FOLDER, bodyPath, isBodyFolder, parseBodyPath } from './bodies/body-path.ts'
export { BodyReader, type OpenedBody } from './bodies/body-reader.ts'
export { BodyStore, type LeftBody } from './bodies/body-store.ts'
export type { BodyWriter, SealedBody } from './bodies/body-writer.ts'
export { type VaultConfig, vaultConfigSchema } from './config.ts'
export { VaultError, type VaultErrorCode, type VaultPlace } from './errors.ts'
export { JsonScan, MARKS, Skeleton } from './json-scan.ts'
export { type Kek, newKekText, parseKek } from './kek.ts'
export { KeyRing, type KeyRingOptions } from './key-ring.ts'
export type { OpenedRecord, OpenedSection } from './opened-record.ts'
export {
  bringsKeys,
  type DecodedPayload,
  type DecodedSection,
  decodePayload,
  encodePayload,
  type PayloadRecord,
  PayloadWriter,
} from './payload.ts'
export type { HashedRow } from './row-hasher.ts'
export { SaltCutter } from './salts.ts'
export { SealKey } from './seal-key.ts'
export type { SealedRecord } from './sealed-record.ts'
export {
  type SealedSegment,
  type Sealer,
  type SegmentOpener,
  segmentSealer,
} from './sealer.ts'
export type { Blobs, Form, Shape, ShapeColumn, Table } from './table.ts'
export { CLOSED, WHOLE } from './table-encoder.ts'
export type { Texts } from './texts.ts'
export { type Subject, Vault, type VaultOptions } from './vault.ts'
