import { decodeBase64, encodeBase64, equalHashes, type Sha256 } from '@countersign/tlog'
import { EvidenceError } from './error.ts'
import type { Json } from './json.ts'
import { DIGEST_BYTES, encodeLeaf, SALT_BYTES, sectionDigest } from './leaf.ts'
import { compileSchema, strictObject } from './schema.ts'
import { isSectionId, type SectionId } from './sections.ts'
import * as term from './terms.ts'

/** A record of which some sections are shown and the others stay closed. It is plain JSON. */
export interface Disclosure {
  readonly v: 1
  /** Every section of the record, in ascending order of id. */
  readonly sections: readonly (ShownSection | ClosedSection)[]
}

/** A section with all that is needed to recompute its digest. */
export interface ShownSection {
  readonly id: number
  /** Base64 of 16 bytes. */
  readonly salt: string
  /** The section's JSON, byte for byte. */
  readonly text: string
}

/** A section of which only its existence is told. */
export interface ClosedSection {
  readonly id: number
  /** Base64 of 32 bytes. */
  readonly digest: string
}

/** A section as its holder has it: without salt and bytes where its key is not at hand. */
export interface HeldSection {
  readonly id: number
  readonly digest: Uint8Array
  readonly opened?: { readonly salt: Uint8Array; readonly bytes: Uint8Array } | undefined
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const encoder = new TextEncoder()

/**
 * Returns a disclosure of the sections in `show`; what is not at hand stays closed.
 *
 * @param sections  all sections of the record, in ascending order of id
 */
export function makeDisclosure(
  sections: readonly HeldSection[],
  show: readonly SectionId[],
): Disclosure {
  const shown: readonly number[] = show
  return {
    v: 1,
    sections: sections.map(({ id, digest, opened }) =>
      opened !== undefined && shown.includes(id)
        ? { id, salt: encodeBase64(opened.salt), text: utf8.decode(opened.bytes) }
        : { id, digest: encodeBase64(digest) },
    ),
  }
}

/**
 * Returns the bytes of the shown sections, once they and the closed ones are proved to be what
 * `leaf` commits to. That the leaf is in a log is for an inclusion proof to show.
 *
 * @throws EvidenceError EVIDENCE_DISCLOSURE where the sections are not those of the leaf
 */
export function verifyDisclosure(
  sha256: Sha256,
  disclosure: Disclosure,
  leaf: Uint8Array,
): ReadonlyMap<SectionId, Uint8Array> {
  const shown = new Map<SectionId, Uint8Array>()
  const digests = disclosure.sections.map((section) => {
    if ('digest' in section) return { id: section.id, digest: decode(section.digest, DIGEST_BYTES) }
    const bytes = encoder.encode(section.text)
    if (isSectionId(section.id)) shown.set(section.id, bytes)
    const salt = decode(section.salt, SALT_BYTES)
    return { id: section.id, digest: sectionDigest(sha256, { id: section.id, salt, bytes }) }
  })
  if (!equalHashes(encodeLeaf(sha256, digests), leaf)) {
    throw new EvidenceError('EVIDENCE_DISCLOSURE', 'sections are not those of the leaf')
  }
  return shown
}

const SECTION_ID = { type: 'integer', minimum: 1, maximum: 9 } as const
const DISCLOSURE = strictObject<Disclosure>(
  {
    v: { const: 1 },
    sections: term.list(
      {
        oneOf: [
          strictObject<ShownSection>({ id: SECTION_ID, salt: term.TEXT, text: term.TEXT }, {}),
          strictObject<ClosedSection>({ id: SECTION_ID, digest: term.TEXT }, {}),
        ],
      },
      9,
    ),
  },
  {},
)
const validate = compileSchema(DISCLOSURE)

/** Returns `value` as a disclosure; throws EvidenceError EVIDENCE_SCHEMA where it is none. */
export function parseDisclosure(value: Json): Disclosure {
  validate(value, 'disclosure')
  return value as unknown as Disclosure
}

function decode(base64: string, length: number): Uint8Array {
  const bytes = decodeOrThrow(base64)
  if (bytes.length === length) return bytes
  throw new EvidenceError('EVIDENCE_DISCLOSURE', `${bytes.length} bytes instead of ${length}`)
}

function decodeOrThrow(base64: string): Uint8Array {
  try {
    return decodeBase64(base64)
  } catch (cause) {
    throw new EvidenceError('EVIDENCE_DISCLOSURE', 'bad base64', { cause })
  }
}
