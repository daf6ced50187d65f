/** Everything that this package refuses, by code. The list is closed. */
export type TlogErrorCode =
  // numbers and encodings
  | 'TLOG_NUMBER_RANGE'
  | 'TLOG_DECIMAL'
  | 'TLOG_BASE64'
  | 'TLOG_TEXT'
  | 'TLOG_HASH_LENGTH'
  // trees, tiles, bundles
  | 'TLOG_RANGE_HASHES'
  | 'TLOG_TILE_PATH'
  | 'TLOG_TILE_LENGTH'
  | 'TLOG_TILE_MISSING'
  | 'TLOG_WIDTH_RANGE'
  | 'TLOG_BUNDLE_LENGTH'
  | 'TLOG_ENTRY_TOO_LARGE'
  // proofs
  | 'TLOG_PROOF_RANGE'
  | 'TLOG_PROOF_LENGTH'
  | 'TLOG_PROOF_ROOT'
  | 'TLOG_PROOF_FORMAT'
  | 'TLOG_PROOF_TOO_LARGE'
  // notes, keys, signatures, checkpoints
  | 'TLOG_NOTE_FORMAT'
  | 'TLOG_NOTE_TOO_LARGE'
  | 'TLOG_NOTE_SIGNATURES_MAX'
  | 'TLOG_NOTE_UNSIGNED'
  | 'TLOG_KEY_FORMAT'
  | 'TLOG_KEY_NAME'
  | 'TLOG_KEY_TYPE'
  | 'TLOG_KEY_ID'
  | 'TLOG_KEY_AMBIGUOUS'
  | 'TLOG_SIGNATURE_INVALID'
  | 'TLOG_SIGNATURE_MISSING'
  | 'TLOG_SIGNATURE_TIME'
  | 'TLOG_CHECKPOINT_FORMAT'
  | 'TLOG_CHECKPOINT_EXTENSION'
  | 'TLOG_CHECKPOINT_ORIGIN'
  | 'TLOG_CHECKPOINT_ROOT'

/**
 * What every function of this package throws when it refuses its input.
 *
 * The code is for programs and never changes its meaning; the message is for people, in lower
 * case, with the offending values.
 */
export class TlogError extends Error {
  override readonly name = 'TlogError'
  readonly code: TlogErrorCode

  constructor(code: TlogErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
