import { KINDS, kindOfCode } from '@countersign/evidence'
import type { Family } from './block-path.ts'
import { NO_RECORD_ID, OPAQUE_KIND, type PackedRecord } from './packed-record.ts'
import { type DecodedPayload, decodePayload } from './payload.ts'

/** A payload as its block keeps it, and what goes elsewhere. */
export interface PackedEntry {
  readonly family: Family
  readonly record: PackedRecord
  /** Undefined for a payload that is no record: it goes under the standing key for such. */
  readonly payload: DecodedPayload | undefined
}

const NO_SECTIONS: readonly never[] = []

export function packedFrom(offset: number, bytes: Uint8Array): PackedEntry {
  const payload = decodePayload(bytes)
  if (payload === undefined) {
    const kind = OPAQUE_KIND
    const record = { offset, kind, recordId: NO_RECORD_ID, sections: NO_SECTIONS, opaque: bytes }
    return { family: 'records', record, payload }
  }
  const { kind, recordId } = payload
  const sections = payload.sections.map(({ id, bytes, keyId, digest }) =>
    digest === undefined ? { id, bytes } : { id, keyId, digest },
  )
  const record = { offset, kind, recordId, sections, opaque: undefined }
  return { family: familyOf(kind), record, payload }
}

/** A kind that only a later version knows is kept with the acts: they never expire with traffic. */
export function familyOf(kind: number): Family {
  if (kind === OPAQUE_KIND) return 'records'
  const name = kindOfCode(kind)
  return name === undefined ? 'acts' : KINDS[name].blocks
}
