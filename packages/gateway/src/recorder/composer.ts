import {
  DIGEST_BYTES,
  encodeLeaf,
  isStrictJson,
  KINDS,
  type Kind,
  type PersonalSection,
  SECTION_BYTES_MAX,
  SECTIONS,
  type SectionName,
  sectionDigestInto,
} from '@countersign/evidence'
import { nodeSha256 } from '../platform/index.ts'
import { encodePayload, type PayloadSection, type SealKey } from '../vault/index.ts'
import { RecorderError } from './error.ts'

/** One section to be: what it says, and whose key it is under. */
export interface SectionDraft {
  readonly name: SectionName
  readonly value: object
  readonly key: SealKey
}

export interface RecordDraft {
  readonly kind: Kind
  /** 16 bytes. */
  readonly recordId: Uint8Array
  readonly ledgerKey: SealKey
  /** In ascending order of id, without `seal`, which follows from the keys. */
  readonly sections: readonly SectionDraft[]
}

/** A record as the ledger takes it. */
export interface Composed {
  readonly leaf: Uint8Array
  readonly payload: Uint8Array
  /** Keys whose rows travel with it: they are durable when it is. */
  readonly newKeys: readonly SealKey[]
}

// UTF-8 takes at most three bytes for a code unit: the last section may be found too large only
// once it is written.
const ARENA_BYTES = 12 * SECTION_BYTES_MAX
const arena = Buffer.allocUnsafeSlow(ARENA_BYTES)

/** Turns sections into bytes, salts, digests, a leaf and a payload. Belongs to one thread. */
export function composeRecord({ kind, recordId, ledgerKey, sections }: RecordDraft): Composed {
  const sealed = withSeal(sections, ledgerKey)
  const salts = saltsOf(sealed, recordId)
  const digests = new Uint8Array(sealed.length * DIGEST_BYTES)
  const parts: PayloadSection[] = []
  let at = 0
  for (const [place, { name, value, key }] of sealed.entries()) {
    const bytes = encodeSection(name, value, at)
    at += bytes.length
    const id = SECTIONS[name]
    const digestAt = place * DIGEST_BYTES
    const salt = salts[place] ?? missingSalt(name)
    sectionDigestInto(nodeSha256, { id, salt, bytes }, digests, digestAt)
    const digest = digests.subarray(digestAt, digestAt + DIGEST_BYTES)
    parts.push({ id, bytes, keyId: key.id, digest })
  }
  const newKeys = keysWithRow(sealed)
  const payload = encodePayload({
    kind: KINDS[kind].code,
    recordId,
    ledgerKeyId: ledgerKey.id,
    sections: parts,
    rows: newKeys.flatMap(({ row }) => row ?? []),
  })
  return { leaf: encodeLeaf(nodeSha256, parts), payload, newKeys }
}

/** Adds the section that fixes in the leaf which keys were not the ledger's. */
function withSeal(sections: readonly SectionDraft[], ledgerKey: SealKey): readonly SectionDraft[] {
  const keys: { [name in PersonalSection]?: string } = {}
  let personal = false
  let shared = false
  for (const { name, key } of sections) {
    if (key === ledgerKey) continue
    keys[name as PersonalSection] = hexId(key)
    personal = true
    if (key.expiresOnly) shared = true
  }
  if (!personal) return sections
  return [
    ...sections,
    { name: 'seal', value: shared ? { keys, shared } : { keys }, key: ledgerKey },
  ]
}

const hexIds = new WeakMap<SealKey, string>()

function hexId(key: SealKey): string {
  let hex = hexIds.get(key)
  if (hex === undefined) {
    hex = Buffer.from(key.id).toString('hex')
    hexIds.set(key, hex)
  }
  return hex
}

/** Salts by place: each key cuts its own, for its sections in ascending order. */
function saltsOf(sections: readonly SectionDraft[], recordId: Uint8Array): Uint8Array[] {
  const salts: Uint8Array[] = []
  for (const [first, { key }] of sections.entries()) {
    if (salts[first] !== undefined) continue
    const places: number[] = []
    for (let place = first; place < sections.length; place++) {
      if (sections[place]?.key === key) places.push(place)
    }
    const cut = key.salts(recordId, places.length)
    for (const [nth, place] of places.entries()) salts[place] = cut[nth] ?? missingSalt('any')
  }
  return salts
}

function missingSalt(name: string): never {
  throw new RangeError(`no salt was cut for ${name}`)
}

function keysWithRow(sections: readonly SectionDraft[]): readonly SealKey[] {
  const keys: SealKey[] = []
  for (const { key } of sections) {
    if (key.row !== undefined && !keys.includes(key)) keys.push(key)
  }
  return keys
}

function encodeSection(name: SectionName, value: object, at: number): Uint8Array {
  if ('facts' in value && !isStrictJson(value.facts)) {
    throw new RecorderError('RECORDER_NOT_STRICT', `facts of ${name} are not strict json`)
  }
  const text = wellFormed(value, JSON.stringify(value))
  const length = text.length > SECTION_BYTES_MAX ? text.length : arena.write(text, at)
  if (length > SECTION_BYTES_MAX) {
    const message = `section ${name} has ${length} bytes, at most ${SECTION_BYTES_MAX} are allowed`
    throw new RecorderError('RECORDER_TOO_LARGE', message)
  }
  return arena.subarray(at, at + length)
}

/** A lone surrogate has no UTF-8: JSON writes it as an escape, which no strict reader takes. */
function wellFormed(value: object, text: string): string {
  if (!text.includes('\\ud')) return text
  return JSON.stringify(value, (_, item: unknown) =>
    typeof item === 'string' ? item.toWellFormed() : item,
  )
}
