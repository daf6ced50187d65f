import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  EvidenceError,
  type Kind,
  parseSection,
  SECTIONS,
  type SectionName,
  sectionSchema,
} from '@countersign/evidence'
import { SampleExchanges } from '../../../../bench/exchanges.sample.ts'
import { SeededRandom } from '../platform/index.ts'
import { readRecords } from '../vault/columns.ts'
import { MARKS } from '../vault/index.ts'
import { packRecords } from '../vault/testing.ts'
import { type MarkRule, skeletonRules } from './quick-check.ts'
import { SectionChecks } from './section-check.ts'
import { ShapeChecks, skeletonText } from './shape-check.ts'

const UUID = '019f5a3c-0000-7000-8000-0000000000aa'
const AT = '2026-11-21T08:10:00.000001Z'

const WHEN = { v: 1, kind: 'outcome', id: UUID, exchange: UUID, at: AT, gateway: 'g' }
const sample = new SampleExchanges(4).next()
const SAMPLES: readonly (readonly [SectionName, Kind, object])[] = [
  ['when', 'outcome', { ...WHEN, incarnation: 3, about: { epoch: 1, index: 7 } }],
  ['who', 'intent', sample.who],
  ['where', 'intent', sample.where],
  ['what', 'intent', sample.what],
  ['why', 'intent', { ...sample.why, facts: { a: [1, true, null, 'x'], b: { c: -4 } } }],
  ['via', 'outcome', sample.via ?? {}],
  ['how', 'outcome', sample.how],
  ['seal', 'intent', { keys: { who: 'ab'.repeat(16) }, shared: true }],
  ['what', 'system', { act: 'stop', cause: 'test' }],
]

const random = new SeededRandom(Number(process.env.SEED ?? 11))
const below = (limit: number): number => Buffer.from(random.bytes(4)).readUInt32BE() % limit
const pick = <Value>(values: readonly Value[]): Value => {
  const value = values[below(values.length)]
  assert.ok(value !== undefined)
  return value
}

test('sections as they are written are all told at once', () => {
  for (const [name, kind, value] of SAMPLES) {
    const text = JSON.stringify(value)
    assert.deepEqual(toldInColumns(name, kind, [text]), [true], name)
    assert.deepEqual(toldAsTheyAre(name, kind, [text]), [true], name)
  }
})

test('of mutated sections, packed, none is told that the parser refuses', (context) => {
  let count = 0
  for (let run = 0; run < 3_000; run += 1) {
    const [name, kind, value] = pick(SAMPLES)
    const text = JSON.stringify(value)
    const texts = [text, mutate(text, PIECES), mutate(text, PIECES)]
    for (const [at, isTold] of told(name, kind, texts).entries()) {
      if (isTold) assert.doesNotThrow(() => parses(name, kind, texts[at] ?? ''), texts[at])
      if (isTold && at > 0) count += 1
    }
  }
  context.diagnostic(`${count} were told`)
  assert.ok(count > 100)
})

test('a skeleton that has rules, filled by them, is what the parser takes', (context) => {
  const skeletons = SAMPLES.map(([, , value]) => skeletonOf(JSON.stringify(value)))
  let count = 0
  for (let run = 0; run < 40_000; run += 1) {
    const at = below(SAMPLES.length)
    const [name, kind] = SAMPLES[at] ?? ['how', 'outcome']
    const skeleton = mutate(skeletons[at] ?? '', [...PIECES, ...MARK_TEXTS])
    const rules = skeletonRules(sectionSchema(name, kind), skeleton)
    const text = rules === undefined ? undefined : filled(skeleton, rules)
    if (text === undefined) continue
    count += 1
    assert.doesNotThrow(() => parses(name, kind, text), `${JSON.stringify(skeleton)}: ${text}`)
  }
  context.diagnostic(`${count} were filled`)
  assert.ok(count > 300)
})

/** But for the one kind of fault that the rules leave open: of a `when`, a day that never was. */
function parses(name: SectionName, kind: Kind, text: string): void {
  try {
    parseSection(SECTIONS[name], kind, new TextEncoder().encode(text))
  } catch (error) {
    // What stands in `kind` is held against the record's own, row by row.
    const isLater = error instanceof EvidenceError && LATER.includes(error.code)
    if (!isLater && !String(error).endsWith('an exchange')) throw error
  }
}

const LATER = ['EVIDENCE_TIME', 'EVIDENCE_UNKNOWN_KIND']

/** As sections in columns, and as they are: what is said of the one is said of the other. */
function told(name: SectionName, kind: Kind, texts: readonly string[]): readonly boolean[] {
  const [inColumns, asTheyAre] = [
    toldInColumns(name, kind, texts),
    toldAsTheyAre(name, kind, texts),
  ]
  return texts.map((_, at) => inColumns[at] === true || asTheyAre[at] === true)
}

const sections = new SectionChecks()

function toldAsTheyAre(name: SectionName, kind: Kind, texts: readonly string[]): boolean[] {
  return texts.map((text) => {
    const memory = new TextEncoder().encode(text)
    const blobs = { memory, starts: Int32Array.of(0), ends: Int32Array.of(memory.length) }
    return sections.check(sectionSchema(name, kind), blobs, 0) !== undefined
  })
}

function toldInColumns(
  name: SectionName,
  kind: Kind,
  texts: readonly string[],
): readonly boolean[] {
  const id = SECTIONS[name]
  const records = texts.map((text, offset) => ({
    offset,
    kind: 1,
    recordId: new Uint8Array(16),
    sections: [{ id, bytes: new TextEncoder().encode(text) }],
    opaque: undefined,
  }))
  const table = readRecords(packRecords(records))
  const checks = new ShapeChecks()
  return texts.map((_, row) => {
    const section = table.form(row).sections[0]
    if (section === undefined || section.template === 0) return false
    const checked = checks.check(table, table.shape(section), sectionSchema(name, kind))
    return checked.holds(table.place(row, 0))
  })
}

function skeletonOf(text: string): string {
  const record = { offset: 0, kind: 1, recordId: new Uint8Array(16), opaque: undefined }
  const bytes = new TextEncoder().encode(text)
  const table = readRecords(packRecords([{ ...record, sections: [{ id: 5, bytes }] }]))
  const section = table.form(0).sections[0]
  assert.ok(section !== undefined && section.template > 0)
  return skeletonText(table.shape(section))
}

/** Undefined where nothing that is tried fits the rules. */
function filled(skeleton: string, rules: readonly MarkRule[]): string | undefined {
  let column = -1
  let fits = true
  const text = skeleton.replaceAll(ANY_MARK, (mark) => {
    column += 1
    const mine = rules.filter((rule) => rule.column === column)
    const values = VALUES[mark.charCodeAt(0)] ?? []
    const good = values.filter((value) => mine.every((rule) => obeys(value, rule)))
    if (good.length === 0) fits = false
    return good.length === 0 ? '' : pick(good)
  })
  return fits ? text : undefined
}

function obeys(value: string, rule: MarkRule): boolean {
  if ('isPlain' in rule) return /^[ !#-[\]-~]*$/.test(value)
  if ('holds' in rule) return rule.holds(value)
  if ('isUuid7' in rule) return value[14] === '7' && '89ab'.includes(value[19] ?? '')
  const number = value.endsWith('Z') ? Date.parse(value) * 1_000 : Number(value)
  return rule.minimum <= number && number <= rule.maximum
}

const MARK_TEXTS = Object.values(MARKS).map((mark) => String.fromCharCode(mark))
const ANY_MARK = new RegExp(`[${MARK_TEXTS.join('')}]`, 'g')
const WORDS = ['', 'a', 'true', 'false', 'null', '1', '-0', '01', '1.5', 'é', 'outcome', 'intent']
/** By mark: what may stand there, whatever the rules say. */
const VALUES: Readonly<Record<number, readonly string[]>> = {
  [MARKS.text]: [...WORDS, 'released', 'user', 'allow', 'stop', '"', '\\', '\\u0041', 'x y', '{}'],
  [MARKS.integer]: ['0', '1', '2', '-1', '200', '65535', '65536', '999999999999999'],
  [MARKS.uuid]: [
    UUID,
    '019f5a3c-0000-4000-8000-0000000000aa',
    '019f5a3c-0000-7000-0000-000000000001',
  ],
  [MARKS.time]: [AT, '1970-01-01T00:00:00.000000Z', '2255-01-01T00:00:00.000000Z'],
  [MARKS.hex8]: ['0123456789abcdef'],
  [MARKS.hex16]: ['0123456789abcdef'.repeat(2)],
  [MARKS.hex32]: ['0123456789abcdef'.repeat(4)],
}

const PIECES = [
  '"',
  ',',
  ':',
  '{',
  '}',
  '[',
  ']',
  '0',
  '1',
  '-',
  'a',
  '\\',
  ' ',
  'null',
  'true',
  'é',
]

/** One to three characters taken out, put in, replaced, or a piece written twice. */
function mutate(text: string, pieces: readonly string[]): string {
  let mutated = text
  for (let count = 1 + below(3); count > 0; count -= 1) {
    const [from, to] = [below(mutated.length + 1), below(4)]
    const piece = pick([pick(pieces), mutated.slice(from, from + 1 + below(30)), ''])
    mutated = mutated.slice(0, from) + piece + mutated.slice(from + to)
  }
  return mutated
}
