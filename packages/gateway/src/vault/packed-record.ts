import { SECTION_BYTES_MAX, SECTIONS } from '@countersign/evidence'

/** One entry as a ledger pack keeps it. */
export interface PackedRecord {
  /** Position in the block. */
  readonly offset: number
  /** The kind's number; OPAQUE_KIND for a payload that is no record. */
  readonly kind: number
  readonly recordId: Uint8Array
  readonly sections: readonly PackedSection[]
  readonly opaque: Uint8Array | undefined
}

/** Either the bytes, or the key that they are sealed under elsewhere and their digest. */
export type PackedSection =
  | { readonly id: number; readonly bytes: Uint8Array }
  | { readonly id: number; readonly keyId: Uint8Array; readonly digest: Uint8Array }

/** One section as a person's pack keeps it. */
export interface PersonSection {
  readonly offset: number
  readonly id: number
  readonly bytes: Uint8Array
}

export const OPAQUE_KIND = 0
export const NO_RECORD_ID: Uint8Array = new Uint8Array(16)

/** Whether there can be a leaf over these sections at all: known ids in order, none too large. */
export function isSound({ sections }: PackedRecord): boolean {
  let previous = 0
  for (const section of sections) {
    if (section.id <= previous || section.id > SECTIONS.seal) return false
    if ('bytes' in section && section.bytes.length > SECTION_BYTES_MAX) return false
    previous = section.id
  }
  return true
}

export function isSameRecord(one: PackedRecord, other: PackedRecord | undefined): boolean {
  if (other === undefined) return false
  const sections = one.sections.length === other.sections.length
  return (
    sections &&
    one.offset === other.offset &&
    one.kind === other.kind &&
    isSame(one.recordId, other.recordId) &&
    isSame(one.opaque, other.opaque) &&
    one.sections.every((section, at) => isSameSection(section, other.sections[at]))
  )
}

function isSameSection(one: PackedSection, other: PackedSection | undefined): boolean {
  if (other === undefined || one.id !== other.id) return false
  if ('bytes' in one) return 'bytes' in other && isSame(one.bytes, other.bytes)
  return 'keyId' in other && isSame(one.keyId, other.keyId) && isSame(one.digest, other.digest)
}

function isSame(one: Uint8Array | undefined, other: Uint8Array | undefined): boolean {
  if (one === undefined || other === undefined) return one === other
  return Buffer.compare(one, other) === 0
}
