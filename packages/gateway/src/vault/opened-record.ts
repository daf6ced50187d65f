import { cutSalts, sectionDigest } from '@countersign/evidence'
import { nodeSha256 } from '../platform/index.ts'
import { asBuffer, mapKey } from './bytes.ts'
import { VaultError } from './errors.ts'
import type { DataKey } from './key-ring.ts'
import type { PackedRecord, PackedSection } from './packed-record.ts'
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
  packed: PackedRecord,
  at: { readonly index: number; readonly ledgerKey: DataKey },
  personal: readonly PersonalPart[],
): OpenedRecord {
  const { kind, recordId, opaque } = packed
  const { index, ledgerKey } = at
  const salts = new SaltsByKey(packed.sections, recordId, ledgerKey.id)
  let nextPersonal = 0
  const sections = packed.sections.map((section) =>
    'bytes' in section
      ? openOwn(section, salts.next(ledgerKey), ledgerKey.id)
      : openPersonal(section, personal[nextPersonal++], salts),
  )
  return { index, kind, recordId, ledgerKeyId: ledgerKey.id, sections, opaque }
}

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
  salts: SaltsByKey,
): OpenedSection {
  const { id, keyId, digest } = section
  if (part === undefined || 'fault' in part) {
    return { id, keyId, digest, open: undefined, fault: part?.fault }
  }
  const { bytes } = part
  const salt = salts.next(part.key)
  const found = sectionDigest(nodeSha256, { id, salt, bytes })
  if (asBuffer(found).equals(digest)) {
    return { id, keyId, digest, open: { bytes, salt }, fault: undefined }
  }
  const fault = new VaultError('VAULT_NOT_AUTHENTIC', `section ${id} is not what its digest says`)
  return { id, keyId, digest, open: undefined, fault }
}

/** Hands out the salts of one record, for each key in ascending order of section id. */
class SaltsByKey {
  readonly #sections: readonly PackedSection[]
  readonly #recordId: Uint8Array
  readonly #ledgerKeyId: string
  readonly #salts = new Map<string, { next: number; readonly cut: readonly Uint8Array[] }>()

  constructor(sections: readonly PackedSection[], recordId: Uint8Array, ledgerKeyId: Uint8Array) {
    this.#sections = sections
    this.#recordId = recordId
    this.#ledgerKeyId = mapKey(ledgerKeyId)
  }

  next(key: DataKey): Uint8Array {
    const place = mapKey(key.id)
    let salts = this.#salts.get(place)
    if (salts === undefined) {
      const count = this.#sections.filter((section) => this.#placeOf(section) === place).length
      const { saltKey } = key
      const recordId = this.#recordId
      salts = { next: 0, cut: cutSalts(sha512, { saltKey, recordId, count }) }
      this.#salts.set(place, salts)
    }
    const salt = salts.cut[salts.next++]
    if (salt === undefined) throw new VaultError('VAULT_MALFORMED', 'more sections than salts')
    return salt
  }

  #placeOf(section: PackedSection): string {
    return 'bytes' in section ? this.#ledgerKeyId : mapKey(section.keyId)
  }
}
