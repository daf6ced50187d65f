import {
  KINDS,
  type Kind,
  LeafWriter,
  SALT_AT,
  SECTION_BYTES_MAX,
  SECTION_HEAD_BYTES,
  type SectionName,
  sectionHead,
  sectionId,
} from '@countersign/evidence'
import { nodeSha256 } from '../platform/index.ts'
import { PayloadWriter, SaltCutter, type SealKey } from '../vault/index.ts'
import { RecorderError } from './error.ts'

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
  /** In ascending order of id, without `seal`, which follows from the keys. */
  readonly sections: readonly SectionDraft[]
  /** Of what the record names beside its sections: their rows travel with it. */
  readonly keys?: readonly SealKey[] | undefined
}

/** A record as the ledger takes it. */
export interface Composed {
  readonly leaf: Uint8Array
  /** Memory that the next record is composed in: the ledger copies it at once. */
  readonly payload: Uint8Array
  /** Keys whose rows travel with it: they are durable when it is. */
  readonly newKeys: readonly SealKey[]
}

// A character takes at most three bytes.
const INPUT_BYTES = SECTION_HEAD_BYTES + 3 * SECTION_BYTES_MAX
/** Views of the input that are kept, by length: nearly all sections are shorter. */
const VIEWS_MAX = 4_096

// A method that Node has and its types do not tell of.
const utf8Write = Buffer.prototype.utf8Write as (
  this: Uint8Array,
  text: string,
  offset: number,
) => number

const input: Buffer = Buffer.alloc(INPUT_BYTES, sectionHead(1), 'latin1')
const bytes = new Uint8Array(input.buffer, input.byteOffset, INPUT_BYTES)
const words = new Int32Array(bytes.buffer, bytes.byteOffset, SECTION_HEAD_BYTES / 4)
const SALT_WORD = SALT_AT / 4
const views: (Uint8Array | undefined)[] = []
const SECTION_ID_AT = sectionHead(1).indexOf('\u0001')
const leaf = new LeafWriter(nodeSha256)
const payload = new PayloadWriter()

/**
 * Turns sections into bytes, salts, digests, a leaf and a payload. Belongs to one thread, and runs
 * twice for every exchange: each section is encoded behind its head, hashed where it stands, and
 * copied into the payload.
 */
export function composeRecord(draft: RecordDraft): Composed {
  const { kind, recordId, ledgerKey, sections } = draft
  const newKeys = keysWithRow(sections, ledgerKey, draft.keys)
  leaf.reset() // a record that was given up half way left its digests
  payload.begin(KINDS[kind].code, recordId, ledgerKey.id)
  if (newKeys.length > 0) payload.rows(newKeys.flatMap(({ row }) => row ?? []))
  const seal = sealTextOf(sections, ledgerKey)
  cutSalts(sections, recordId, ledgerKey, seal === undefined ? 0 : 1)
  for (let place = 0; place < sections.length; place++) {
    const { name, text, key } = sections[place] as SectionDraft
    placeSalt(key)
    addSection(name, text, key === ledgerKey ? undefined : key)
  }
  if (seal !== undefined) {
    placeSalt(ledgerKey)
    addSection('seal', seal, undefined)
  }
  return { leaf: leaf.finish(), payload: payload.finish(), newKeys }
}

/** Its salt stands in its head. `key` is its own; without one it is under the ledger's. */
function addSection(name: SectionName, text: string, key: SealKey | undefined): void {
  const id = sectionId(name)
  const end = SECTION_HEAD_BYTES + encodeText(name, text)
  input[SECTION_ID_AT] = id
  leaf.putSalted(viewTo(end))
  if (key === undefined) payload.section(id, input, SECTION_HEAD_BYTES, end)
  else {
    const digestAt = payload.ownSection(id, key.id, input, SECTION_HEAD_BYTES, end)
    leaf.copyLast(payload.memory, digestAt)
  }
}

function viewTo(end: number): Uint8Array {
  const known = views[end]
  if (known !== undefined) return known
  const view = bytes.subarray(0, end)
  if (end < VIEWS_MAX) views[end] = view
  return view
}

function encodeText(name: SectionName, text: string): number {
  const isLong = text.length > SECTION_BYTES_MAX
  const length = isLong ? text.length : utf8Write.call(input, text, SECTION_HEAD_BYTES)
  if (length <= SECTION_BYTES_MAX) return length
  const message = `section ${name} has ${length} bytes, at most ${SECTION_BYTES_MAX} are allowed`
  throw new RecorderError('RECORDER_TOO_LARGE', message)
}

/** The last text made for a key that was the only one but the ledger's. */
interface KnownSeal {
  /** One bit for each section that is under it. */
  readonly sections: number
  readonly text: string
}

const knownSeals = new WeakMap<SealKey, KnownSeal>()

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
  const known = knownSeals.get(only)
  if (known?.sections === under) return known.text
  const text = sealText(sections, ledgerKey)
  knownSeals.set(only, { sections: under, text })
  return text
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

/** The salts of a record under one key, and how many of them were taken. */
interface KeySalts {
  key: SealKey | undefined
  taken: number
  readonly cutter: SaltCutter
}

const saltsByKey: KeySalts[] = []
let keyCount = 0

/** Each key cuts its own, for its sections in ascending order; `seal` comes last. */
function cutSalts(
  sections: readonly SectionDraft[],
  recordId: Uint8Array,
  ledgerKey: SealKey,
  seals: 0 | 1,
): void {
  keyCount = 0
  for (let first = 0; first < sections.length; first++) {
    const { key } = sections[first] as SectionDraft
    if (isCut(key)) continue
    let count = key === ledgerKey ? seals : 0
    for (let place = first; place < sections.length; place++) {
      if (sections[place]?.key === key) count += 1
    }
    cutFor(key, recordId, count)
  }
  if (seals === 1 && !isCut(ledgerKey)) cutFor(ledgerKey, recordId, 1)
}

function cutFor(key: SealKey, recordId: Uint8Array, count: number): void {
  const salts = saltsByKey[keyCount] ?? { key, taken: 0, cutter: new SaltCutter() }
  saltsByKey[keyCount++] = salts
  salts.key = key
  salts.taken = 0
  key.cutSalts(salts.cutter, recordId, count)
}

function isCut(key: SealKey): boolean {
  for (let at = 0; at < keyCount; at++) if (saltsByKey[at]?.key === key) return true
  return false
}

/** Writes the next salt under `key` to where the section's head has it. */
function placeSalt(key: SealKey): void {
  for (let at = 0; at < keyCount; at++) {
    const salts = saltsByKey[at]
    if (salts?.key !== key) continue
    salts.cutter.copyTo(salts.taken++, words, SALT_WORD)
    return
  }
  throw new RangeError('no salts were cut for the key')
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
