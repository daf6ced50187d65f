import { cutSalts, SECTION_BYTES_MAX, sectionDigest } from '@countersign/evidence'
import { nodeSha256 } from '../platform/index.ts'
import { VaultError } from './errors.ts'
import type { DataKey } from './key-ring.ts'
import type { PackedRecord } from './packed-record.ts'
import { sha512 } from './seal-key.ts'

/** A record as far as the keys at hand open it. */
export interface OpenedRecord {
  readonly index: number
  /** The kind's number; OPAQUE_KIND for a payload that is no record: `opaque` holds it. */
  readonly kind: number
  readonly recordId: Uint8Array
  readonly ledgerKeyId: Uint8Array
  /** In ascending order of id: what the leaf commits to. */
  readonly sections: readonly OpenedSection[]
  readonly opaque: Uint8Array | undefined
}

export interface OpenedSection {
  readonly id: number
  readonly keyId: Uint8Array
  /** What the leaf must commit to. */
  readonly digest: Uint8Array
  /** Bytes and salt whose digest is `digest`: computed, not believed. */
  readonly open: { readonly bytes: Uint8Array; readonly salt: Uint8Array } | undefined
  /** Why it is closed. VAULT_KEY_MISSING is for the caller to judge; anything else is damage. */
  readonly fault: VaultError | undefined
}

/** What is known of one person-sealed section beyond its digest. */
export type PersonalPart =
  | { readonly key: DataKey; readonly bytes: Uint8Array }
  | { readonly fault: VaultError }

/** Salts and hashes every section that there is a key for; `personal` in order of section id. */
export function openRecord(
  { kind, recordId, opaque, sections: packed }: PackedRecord,
  { index, ledgerKey }: { readonly index: number; readonly ledgerKey: DataKey },
  personal: readonly PersonalPart[],
): OpenedRecord {
  const ledgerSalts = cutSalts(sha512, {
    saltKey: ledgerKey.saltKey,
    recordId,
    count: packed.length - personal.length,
  })
  const sections: OpenedSection[] = []
  let [own, other] = [0, 0]
  for (const section of packed) {
    if ('bytes' in section) {
      sections.push(openOwn(section, ledgerSalts[own++] ?? NO_SALT, ledgerKey.id))
    } else {
      const part = personal[other]
      const salt = saltOf(personal, other++, recordId)
      sections.push(openPersonal(section, part, salt))
    }
  }
  return { index, kind, recordId, ledgerKeyId: ledgerKey.id, sections, opaque }
}

const NO_SALT = new Uint8Array(0)

function openOwn(
  { id, bytes }: { readonly id: number; readonly bytes: Uint8Array },
  salt: Uint8Array,
  keyId: Uint8Array,
): OpenedSection {
  const digest = sectionDigest(nodeSha256, { id, salt, bytes })
  return { id, keyId, digest, open: { bytes, salt }, fault: undefined }
}

function openPersonal(
  section: { readonly id: number; readonly keyId: Uint8Array; readonly digest: Uint8Array },
  part: PersonalPart | undefined,
  salt: Uint8Array,
): OpenedSection {
  const { id, keyId, digest } = section
  if (part === undefined || 'fault' in part) {
    return { id, keyId, digest, open: undefined, fault: part?.fault }
  }
  const { bytes } = part
  const isPossible = bytes.length <= SECTION_BYTES_MAX
  if (isPossible && equals(sectionDigest(nodeSha256, { id, salt, bytes }), digest)) {
    return { id, keyId, digest, open: { bytes, salt }, fault: undefined }
  }
  const fault = new VaultError('VAULT_NOT_AUTHENTIC', `section ${id} is not what its digest says`)
  return { id, keyId, digest, open: undefined, fault }
}

function equals(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0
}

/** Each key cuts its own salts, for the sections under it in ascending order of id. */
function saltOf(personal: readonly PersonalPart[], at: number, recordId: Uint8Array): Uint8Array {
  const part = personal[at]
  if (part === undefined || 'fault' in part) return NO_SALT
  let [nth, count] = [0, 0]
  for (let other = 0; other < personal.length; other++) {
    const each = personal[other]
    if (each === undefined || 'fault' in each || each.key !== part.key) continue
    if (other === at) nth = count
    count++
  }
  return cutSalts(sha512, { saltKey: part.key.saltKey, recordId, count })[nth] ?? NO_SALT
}
