export { decodeBase64, encodeBase64 } from './base64.ts'
export { decodeBundle, encodeBundle, hashBundle } from './bundle.ts'
export {
  type Checkpoint,
  type CheckpointSigners,
  formatCheckpoint,
  type OpenedCheckpoint,
  openCheckpoint,
  parseCheckpoint,
} from './checkpoint.ts'
export { CompactRange, type CompactRangeState, type EmitNode } from './compact-range.ts'
export { TlogError, type TlogErrorCode } from './error.ts'
export {
  ENTRY_BYTES_MAX,
  emptyRoot,
  equalHashes,
  HASH_BYTES,
  type Hash,
  hashLeaf,
  hashLeafAt,
  hashLeafInto,
  hashNode,
  type Sha256,
} from './hash.ts'
export {
  formatSignerKey,
  formatVerifierKey,
  keyIdOf,
  NAME_BYTES_MAX,
  type PublicKeyOf,
  parseSignerKey,
  parseVerifierKey,
  SEED_BYTES,
  SIGNATURE_TYPES,
  type SignatureType,
  type SignerKey,
  type VerifierKey,
  verifierKey,
} from './keys.ts'
export {
  formatNote,
  formatSignatureLine,
  hexKeyId,
  NOTE_BYTES_MAX,
  NOTE_SIGNATURES_MAX,
  type Note,
  type NoteSignature,
  type NoteVerifier,
  parseNote,
  parseSignatureLine,
  type VerifiedSignature,
  verifyNote,
} from './note.ts'
export {
  type LeafIndex,
  leafIndex,
  parseDecimal,
  type TreeSize,
  treeSize,
} from './numbers.ts'
export {
  type ConsistencyClaim,
  consistencyProof,
  type HashReader,
  type InclusionClaim,
  inclusionProof,
  PROOF_HASHES_MAX,
  type TreeNode,
  verifyConsistency,
  verifyInclusion,
} from './proof.ts'
export {
  cosignatureMessage,
  type KeyVerifier,
  type NoteSigner,
  noteSigner,
  noteVerifier,
  type SignatureAlgorithm,
  type SignatureAlgorithms,
  type SubtreeStatement,
  signedMessage,
  subtreeMessage,
} from './signature.ts'
export {
  type BundleCoordinate,
  bundleOf,
  bundlesBetween,
  entriesPath,
  parseTilePath,
  type Sized,
  TILE_LEVEL_MAX,
  TILE_WIDTH,
  type TileCoordinate,
  type TilePath,
  tilePath,
  tilesBetween,
  tileWidthAt,
} from './tile.ts'
export { type TileSource, tileHashReader } from './tile-reader.ts'
export {
  formatTlogProof,
  PROOF_BYTES_MAX,
  PROOF_EXTRA_BYTES_MAX,
  parseTlogProof,
  type TlogProof,
  verifyTlogProof,
} from './tlog-proof.ts'
