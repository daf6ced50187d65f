/** Every way in which evidence can be refused. */
export type EvidenceErrorCode =
  | 'EVIDENCE_JSON'
  | 'EVIDENCE_SCHEMA'
  | 'EVIDENCE_SECTIONS'
  | 'EVIDENCE_UNKNOWN_KIND'
  | 'EVIDENCE_UNKNOWN_VERSION'
  | 'EVIDENCE_TOO_LARGE'
  | 'EVIDENCE_LEAF'
  | 'EVIDENCE_TIME'
  | 'EVIDENCE_UUID'
  | 'EVIDENCE_RECEIPT'
  | 'EVIDENCE_DISCLOSURE'

/** What this package throws; `code` says which rule was broken, the message by which value. */
export class EvidenceError extends Error {
  readonly code: EvidenceErrorCode

  constructor(code: EvidenceErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'EvidenceError'
    this.code = code
  }
}
