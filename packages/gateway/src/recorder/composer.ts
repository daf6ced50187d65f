import {
  KINDS,
  type Kind,
  LEAF_BYTES,
  LEAF_VERSION,
  LeafWriter,
  SALT_AT,
  SECTION_BYTES_MAX,
  SECTION_HEAD_BYTES,
  type SectionName,
  sectionHead,
  sectionId,
} from '@countersign/evidence'
import { nodeSha256, writeLatin1, writeUtf8 } from '../platform/index.ts'
import { PayloadWriter, SaltCutter, type SealKey } from '../vault/index.ts'
import { RecorderError } from './error.ts'
import { FramedSection } from './framed-section.ts'
import type { WrittenSection } from './when-text.ts'

/** One section to be: its JSON, and whose key it is under. */
export interface SectionDraft {
  readonly name: SectionName
  readonly text: string
  readonly key: SealKey
}

export interface RecordDraft {
  readonly kind: Kind
  /** 16 bytes. */
  readonly recordId: Uint8Array
  readonly ledgerKey: SealKey
  /** Under the ledger's key; without it, it is the first of `sections`. */
  readonly when?: WrittenSection | undefined
  /** In ascending order of id, without `seal`, which follows from the keys. */
  readonly sections: readonly SectionDraft[]
  /** Of what the record names beside its sections: their rows travel with it. */
  readonly keys?: readonly SealKey[] | undefined
}

/** A record as the ledger takes it. */
export interface Composed {
  /** Each byte a character: it is kept for every record that waits, and an array takes far more. */
  readonly leafText: string
  /** Memory that the next record is composed in, as the payload: the ledger copies it at once. */
  readonly leaf: Uint8Array
  readonly payload: Uint8Array
  /** Keys whose rows travel with it: they are durable when it is. */
  readonly newKeys: readonly SealKey[]
}

// A character takes at most three bytes.
const input = new FramedSection(3 * SECTION_BYTES_MAX)
const SALT_WORD = SALT_AT / 4
const SECTION_ID_AT = sectionHead(1).indexOf('\u0001')
const writer = new LeafWriter(nodeSha256)
const payload = new PayloadWriter()
const leafMemory = Buffer.allocUnsafeSlow(LEAF_BYTES)
const leaf = new Uint8Array(leafMemory.buffer)
leaf[0] = LEAF_VERSION
const LEAF_START = String.fromCharCode(LEAF_VERSION)

/**
 * Turns sections into bytes, salts, digests, a leaf and a payload. Belongs to one thread, and runs
 * twice for every exchange: each section is encoded behind its head, hashed where it stands, and
 * copied into the payload.
 */
export function composeRecord(draft: RecordDraft): Composed {
  const { kind, recordId, ledgerKey, sections, when } = draft
  const newKeys = keysWithRow(sections, ledgerKey, draft.keys)
  writer.reset() // a record that was given up half way left its digests
  payload.begin(KINDS[kind].code, recordId, ledgerKey.id)
  if (newKeys.length > 0) payload.rows(newKeys.flatMap(({ row }) => row ?? []))
  const seal = sealTextOf(sections, ledgerKey)
  otherKeys = 0
  ledgerSalts.begin(ledgerKey, recordId)
  if (when !== undefined) {
    ledgerSalts.place(when.section)
    writer.putSalted(when.section.framed(when.end))
    payload.section(sectionId('when'), when.section.text(when.end))
  }
  for (let place = 0; place < sections.length; place++) {
    const { name, text, key } = sections[place] as SectionDraft
    saltsOf(key, draft).place(input)
    addSection(name, text, key === ledgerKey ? undefined : key)
  }
  if (seal !== undefined) {
    ledgerSalts.place(input)
    addSection('seal', seal, undefined)
  }
  const digest = nodeSha256.digestText(writer.finishInput())
  writeLatin1(leaf, 1, digest, LEAF_BYTES - 1)
  return { leafText: LEAF_START + digest, leaf, payload: payload.finish(), newKeys }
}

/** Its salt stands in its head. `key` is its own; without one it is under the ledger's. */
function addSection(name: SectionName, text: string, key: SealKey | undefined): void {
  const id = sectionId(name)
  const end = SECTION_HEAD_BYTES + encodeText(name, text)
  input.memory[SECTION_ID_AT] = id
  writer.putSalted(input.framed(end))
  if (key === undefined) payload.section(id, input.text(end))
  else {
    const digestAt = payload.ownSection(id, key.id, input.text(end))
    writer.copyLast(payload.memory, digestAt)
  }
}

function encodeText(name: SectionName, text: string): number {
  const isLong = text.length > SECTION_BYTES_MAX
  const length = isLong ? text.length : writeUtf8(input.memory, SECTION_HEAD_BYTES, text)
  if (length <= SECTION_BYTES_MAX) return length
  const message = `section ${name} has ${length} bytes, at most ${SECTION_BYTES_MAX} are allowed`
  throw new RecorderError('RECORDER_TOO_LARGE', message)
}

/**
 * The text of the section that fixes in the leaf which keys were not the ledger's. Mostly they are
 * one, and of the same sections as the last time.
 */
function sealTextOf(sections: readonly SectionDraft[], ledgerKey: SealKey): string | undefined {
  let only: SealKey | undefined
  let under = 0
  for (let place = 0; place < sections.length; place++) {
    const { name, key } = sections[place] as SectionDraft
    if (key === ledgerKey) continue
    if (only !== undefined && key !== only) return sealText(sections, ledgerKey)
    only = key
    under |= 1 << sectionId(name)
  }
  if (only === undefined) return undefined
  if (only.seal?.sections !== under) {
    only.seal = { sections: under, text: sealText(sections, ledgerKey) }
  }
  return only.seal.text
}

function sealText(sections: readonly SectionDraft[], ledgerKey: SealKey): string {
  let keys = ''
  let shared = ''
  for (const { name, key } of sections) {
    if (key === ledgerKey) continue
    const id = Buffer.from(key.id).toString('hex')
    keys += `${keys === '' ? '' : ','}"${name}":"${id}"`
    if (key.expiresOnly) shared = ',"shared":true'
  }
  return `{"keys":{${keys}}${shared}}`
}

/** The salts of a record under one key, for its sections in ascending order. */
class KeySalts {
  key: SealKey | undefined
  readonly #cutter = new SaltCutter()
  #taken = 0

  begin(key: SealKey, recordId: Uint8Array): void {
    this.key = key
    this.#taken = 0
    key.beginSalts(this.#cutter, recordId)
  }

  /** Writes the next to where the section's head has it. */
  place({ words }: FramedSection): void {
    this.#cutter.copyTo(this.#taken++, words, SALT_WORD)
  }
}

const ledgerSalts = new KeySalts()
const otherSalts: KeySalts[] = []
let otherKeys = 0

function saltsOf(key: SealKey, { recordId, ledgerKey }: RecordDraft): KeySalts {
  if (key === ledgerKey) return ledgerSalts
  for (let at = 0; at < otherKeys; at++) {
    const known = otherSalts[at]
    if (known?.key === key) return known
  }
  const salts = otherSalts[otherKeys] ?? new KeySalts()
  otherSalts[otherKeys++] = salts
  salts.begin(key, recordId)
  return salts
}

const NONE: readonly SealKey[] = []

function keysWithRow(
  sections: readonly SectionDraft[],
  ledgerKey: SealKey,
  others: readonly SealKey[] = NONE,
): readonly SealKey[] {
  let keys: SealKey[] | undefined
  for (const key of others) {
    if (key.row === undefined || keys?.includes(key)) continue
    keys ??= []
    keys.push(key)
  }
  for (let place = 0; place < sections.length; place++) {
    const { key } = sections[place] as SectionDraft
    if (key.row === undefined || keys?.includes(key)) continue
    keys ??= []
    keys.push(key)
  }
  if (ledgerKey.row !== undefined && keys?.includes(ledgerKey) !== true) {
    keys = [...(keys ?? NONE), ledgerKey]
  }
  return keys ?? NONE
}
