import { ACT_SCHEMAS, ACTANT } from './act-schemas.ts'
import type { Actant, ActFacts, AnyActFacts } from './act-types.ts'
import { EvidenceError } from './error.ts'
import type { Json } from './json.ts'
import { parseJson } from './json.ts'
import type { ActKind, Kind } from './kinds.ts'
import { isExchangeKind, isKind, KINDS } from './kinds.ts'
import { SECTION_BYTES_MAX } from './leaf.ts'
import type { Schema, Validate } from './schema.ts'
import { compileSchema } from './schema.ts'
import { schemaPattern } from './schema-pattern.ts'
import { COMMON_SCHEMAS, HOW_FAR, WHAT, WHAT_FORWARDED, WHO } from './section-schemas.ts'
import type { How, Progress, Seal, Via, What, When, Where, Who, Why } from './section-types.ts'
import type { SectionId, SectionName } from './sections.ts'
import { isSectionId, SECTIONS, sectionName } from './sections.ts'
import { parseTime } from './time.ts'

/** Any section, parsed. */
export type Section =
  | When
  | Who
  | Actant
  | Where
  | What
  | AnyActFacts
  | Why
  | Via
  | How
  | Progress
  | Seal

/** Returns the JSON Schema of section `name` in records of `kind`. */
export function sectionSchema(name: SectionName, kind: Kind): Schema {
  if (name === 'how' && kind === 'progress') return HOW_FAR
  if (name === 'who') return isExchangeKind(kind) ? WHO : ACTANT
  if (name !== 'what') return COMMON_SCHEMAS[name]
  if (!isExchangeKind(kind)) return ACT_SCHEMAS[kind]
  return kind === 'intent' ? WHAT_FORWARDED : WHAT
}

/**
 * Returns the section that `bytes` hold, checked against the schema of its kind.
 *
 * @param bytes  strict JSON of one object, at most SECTION_BYTES_MAX
 * @throws EvidenceError EVIDENCE_TOO_LARGE, EVIDENCE_JSON, EVIDENCE_SCHEMA, EVIDENCE_TIME; for the
 *         `when` section also EVIDENCE_UNKNOWN_KIND and EVIDENCE_UNKNOWN_VERSION
 */
export function parseSection(id: SectionId, kind: Kind, bytes: Uint8Array): Section {
  const name = sectionName(id)
  if (name === 'when') return parseWhen(bytes)
  return checked(name, kind, readJson(bytes)) as unknown as Section
}

/**
 * Returns a record's `when`, the section that is read first: it says what the others mean.
 *
 * @throws EvidenceError EVIDENCE_UNKNOWN_VERSION or EVIDENCE_UNKNOWN_KIND where a later version of
 *         this program may know more: such a record is "not checked", never "tampered"
 */
export function parseWhen(bytes: Uint8Array): When {
  const value = readJson(bytes)
  const { v, kind } = headOf(value)
  if (v !== 1) throw new EvidenceError('EVIDENCE_UNKNOWN_VERSION', `record version ${String(v)}`)
  if (!isKind(kind)) {
    throw new EvidenceError('EVIDENCE_UNKNOWN_KIND', `record kind ${JSON.stringify(kind)}`)
  }
  const when = checked('when', kind, value) as unknown as When
  parseTime(when.at)
  if (isExchangeKind(kind) !== (when.exchange !== undefined)) {
    const word = isExchangeKind(kind) ? 'without' : 'with'
    throw new EvidenceError('EVIDENCE_SCHEMA', `${kind} ${word} an exchange`)
  }
  return when
}

/** Returns the facts of an act: its `what`. Throws as `parseSection` does. */
export function parseAct<K extends ActKind>(kind: K, bytes: Uint8Array): ActFacts[K] {
  return checked('what', kind, readJson(bytes)) as unknown as ActFacts[K]
}

/** Longest section that is tried against a pattern: looking for names given twice is quadratic. */
const PATTERN_BYTES_MAX = 4_096

const patterns = new Map<Schema, RegExp>()
const latin1 = new TextDecoder('latin1')

/**
 * Checks a section as `parseSection` does, and returns nothing: for whoever checks many and wants
 * few. Most are told to be good by one pass over their text; the others are parsed.
 *
 * @throws EvidenceError as `parseSection`
 */
export function checkSection(id: SectionId, kind: Kind, bytes: Uint8Array): void {
  const schema = sectionSchema(sectionName(id), kind)
  let pattern = patterns.get(schema)
  if (pattern === undefined) {
    pattern = schemaPattern(schema)
    patterns.set(schema, pattern)
  }
  // `when` has more rules than a schema can say.
  const isPlain = id !== SECTIONS.when && bytes.length <= PATTERN_BYTES_MAX
  if (!isPlain || !pattern.test(latin1.decode(bytes))) parseSection(id, kind, bytes)
}

/**
 * Checks that a record of `kind` has the sections that it must have, and none that it must not.
 *
 * @throws EvidenceError EVIDENCE_SECTIONS
 */
export function checkSections(kind: Kind, ids: readonly number[]): void {
  const rule = KINDS[kind]
  const required: readonly SectionName[] = rule.required
  const allowed: readonly SectionName[] = rule.allowed
  for (const name of required) {
    if (!ids.includes(SECTIONS[name])) refuse(`${kind} without section ${name}`)
  }
  for (const id of ids) {
    if (!isSectionId(id)) refuse(`${kind} with section ${id}`)
    const name = sectionName(id)
    if (!required.includes(name) && !allowed.includes(name)) refuse(`${kind} with section ${name}`)
  }
}

function refuse(message: string): never {
  throw new EvidenceError('EVIDENCE_SECTIONS', message)
}

function readJson(bytes: Uint8Array): Json {
  if (bytes.length > SECTION_BYTES_MAX) {
    throw new EvidenceError('EVIDENCE_TOO_LARGE', `section has ${bytes.length} bytes`)
  }
  return parseJson(bytes)
}

function headOf(value: Json): { readonly v: unknown; readonly kind: string } {
  if (typeof value !== 'object' || value === null || !('v' in value) || !('kind' in value)) {
    throw new EvidenceError('EVIDENCE_SCHEMA', 'when has no version or kind')
  }
  return { v: value.v, kind: typeof value.kind === 'string' ? value.kind : '' }
}

const validators = new Map<Schema, Validate>()

function checked(name: SectionName, kind: Kind, value: Json): Json {
  const schema = sectionSchema(name, kind)
  let validate = validators.get(schema)
  if (validate === undefined) {
    validate = compileSchema(schema)
    validators.set(schema, validate)
  }
  validate(value, name)
  return value
}
