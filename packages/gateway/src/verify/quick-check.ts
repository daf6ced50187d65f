import {
  isExchangeKind,
  isKind,
  type Kind,
  type Schema,
  type SectionName,
  sectionSchema,
  TIME_US_MAX,
  type When,
} from '@countersign/evidence'
import { MARKS } from '../vault/index.ts'

// An audit reads millions of sections, nearly all of them plain. This check walks the text of a
// section along its schema, once, and builds nothing. It says yes to a part of what evidence's
// parser accepts, and never to anything else; whatever it does not know goes to that parser.
// Of sections that share a skeleton it walks that, once for all: marks stand for what varies, and
// the walk says what must hold of them.

/** Returns where the value that begins at `at` ends, or FAIL. */
type Walk = (text: string, at: number) => number

/** What must hold of the values in one column, besides that they are of their mark's kind. */
export type MarkRule =
  | { readonly column: number; readonly holds: (text: string) => boolean }
  | { readonly column: number; readonly isPlain: true }
  | { readonly column: number; readonly minimum: number; readonly maximum: number }
  | { readonly column: number; readonly isUuid7: true }

const FAIL = -1
/** Longer sections are rare. */
const QUICK_BYTES_MAX = 8_192
/** All but printable ASCII, and the backslash: then a string goes from one quote to the next. */
const UNUSUAL = /[^ -[\]-~]/
/** As UNUSUAL, marks allowed. */
const UNUSUAL_SKELETON = new RegExp(`[^${mark(1)}-${mark(7)} -[\\]-~]`)
/** Texts that stand between quotes. */
const PLAIN = /^[ !#-[\]-~]*$/
const MARK_MAX = 0x1f
const [TEXT, INTEGER, TIME, UUID] = [MARKS.text, MARKS.integer, MARKS.time, MARKS.uuid].map(
  (mark) => String.fromCharCode(mark),
)
const SKELETON_CHARACTERS_MAX = 65_536
const DIGITS_MAX = 15
const INTEGER_MAX = 10 ** DIGITS_MAX - 1
const DEPTH_MAX = 8

const [QUOTE, COMMA, COLON, MINUS, ZERO, NINE] = [0x22, 0x2c, 0x3a, 0x2d, 0x30, 0x39]
const [OPEN_BRACE, CLOSE_BRACE, OPEN_BRACKET, CLOSE_BRACKET] = [0x7b, 0x7d, 0x5b, 0x5d]

/** The text of a section that is certainly as its schema says; undefined: ask the parser. */
export function quickText(name: SectionName, kind: Kind, bytes: Uint8Array): string | undefined {
  const text = plainText(bytes)
  return text !== undefined && walks(sectionSchema(name, kind), text) ? text : undefined
}

/** A `when` that is certainly as its schema says, but for its time; undefined: ask the parser. */
export function quickWhen(bytes: Uint8Array): When | undefined {
  const text = plainText(bytes)
  if (text === undefined) return undefined
  const kind = /^\{"v":1,"kind":"([a-z]+)"/.exec(text)?.[1] ?? ''
  if (!isKind(kind) || !walks(sectionSchema('when', kind), text)) return undefined
  const when = JSON.parse(text) as When
  return isExchangeKind(kind) === (when.exchange !== undefined) ? when : undefined
}

function plainText(bytes: Uint8Array): string | undefined {
  if (bytes.length > QUICK_BYTES_MAX) return undefined
  const { buffer, byteOffset, length } = bytes
  const text = Buffer.from(buffer, byteOffset, length).toString('latin1')
  return UNUSUAL.test(text) ? undefined : text
}

/**
 * What must hold of the columns of a skeleton, so that all sections of its shape are certainly as
 * their schema says, but for the time of a `when`; undefined: ask the parser for each.
 */
export function skeletonRules(schema: Schema, skeleton: string): readonly MarkRule[] | undefined {
  if (skeleton.length > SKELETON_CHARACTERS_MAX || UNUSUAL_SKELETON.test(skeleton)) return undefined
  rules = []
  return walks(schema, skeleton) ? rules : undefined
}

/** What the walk in hand has found so far. Only skeletons have marks. */
let rules: MarkRule[] = []

const compiled = new Map<Schema, Walk>()

function walks(schema: Schema, text: string): boolean {
  let walk = compiled.get(schema)
  if (walk === undefined) {
    walk = compile(schema)
    compiled.set(schema, walk)
  }
  return walk(text, 0) === text.length
}

function compile(schema: Schema): Walk {
  if ('const' in schema) return constant(schema.const)
  if ('oneOf' in schema) return anyOf(schema.oneOf.map(compile))
  if ('title' in schema) return (text, at) => anything(text, at, DEPTH_MAX)
  if (schema.type === 'string') return string(schema)
  if (schema.type === 'integer') return integer(schema.minimum, schema.maximum)
  if (schema.type === 'array') return array(compile(schema.items), schema.maxItems)
  if (schema.type === 'boolean') return words(['true', 'false'])
  if (!('properties' in schema)) {
    return map(compile(schema.additionalProperties), schema.maxProperties)
  }
  const members = Object.entries(schema.properties).map(([member, value]) => ({
    prefix: `${JSON.stringify(member)}:`,
    walk: compile(value),
    required: schema.required.includes(member),
  }))
  return object(members)
}

function constant(value: string | number | true): Walk {
  if (typeof value === 'number') return integer(value, value)
  return typeof value === 'string' ? string({ type: 'string', enum: [value] }) : words(['true'])
}

/** Literals. */
function words(expected: readonly string[]): Walk {
  return (text, at) => {
    if (text[at] === TEXT) return marked(text, at, (value) => expected.includes(value))
    for (const each of expected) if (text.startsWith(each, at)) return at + each.length
    return FAIL
  }
}

function marked(text: string, at: number, holds: (value: string) => boolean): number {
  rules.push({ column: columnAt(text, at), holds })
  return at + 1
}

/** The number of the column whose mark stands at `at`. */
function columnAt(text: string, at: number): number {
  let column = 0
  for (let before = 0; before < at; before += 1) {
    if (text.charCodeAt(before) <= MARK_MAX) column += 1
  }
  return column
}

function anyOf(walks: readonly Walk[]): Walk {
  return (text, at) => {
    const before = rules.length
    for (const walk of walks) {
      const end = walk(text, at)
      if (end !== FAIL) return end
      rules.length = before
    }
    return FAIL
  }
}

function string(schema: Extract<Schema, { readonly type: 'string' }>): Walk {
  const { type: _type, pattern: source, enum: known, ...unknown } = schema
  unknown satisfies { readonly [keyword: string]: never } // A keyword more is a rule more.
  const pattern = source === undefined ? undefined : new RegExp(source, 'u')
  const form = source === undefined ? undefined : formOf(source)
  const choices = known === undefined ? undefined : new Set(known)
  return (text, at) => {
    const end = stringEnd(text, at)
    if (end === FAIL) return FAIL
    const value = text.slice(at + 1, end - 1)
    const isGood = (inside: string): boolean =>
      (choices === undefined || choices.has(inside)) &&
      (pattern === undefined || pattern.test(inside))
    if (!MARKED.test(value)) return isGood(value) ? end : FAIL
    if (value === TEXT && choices === undefined && pattern === undefined) {
      rules.push({ column: columnAt(text, at + 1), isPlain: true })
      return end
    }
    if (value === TEXT) {
      marked(text, at + 1, (inside) => PLAIN.test(inside) && isGood(inside))
      return end
    }
    if (choices !== undefined || (pattern !== undefined && form?.test(value) !== true)) return FAIL
    return typed(text, at + 1, end - 1) ? end : FAIL
  }
}

const MARKED = new RegExp(`[${mark(0)}-${mark(MARK_MAX)}]`)
const UUID_FORM = '[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}'
const TIME_FORM = '\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{6}Z'
/** What a pattern asks for and a mark always gives; of a UUID also its version, by a rule. */
const FORMS: readonly (readonly [form: string, mark: number])[] = [
  [UUID_FORM, MARKS.uuid],
  [TIME_FORM, MARKS.time],
  ['[0-9a-f]{16}', MARKS.hex8],
  ['[0-9a-f]{32}', MARKS.hex16],
  ['[0-9a-f]{64}', MARKS.hex32],
]

/** A pattern over strings with marks in them; undefined where no mark is certain to fit. */
function formOf(pattern: string): RegExp | undefined {
  let source = pattern
  for (const [form, code] of FORMS) source = source.replaceAll(form, mark(code))
  // What excludes characters might let a mark pass for one of the others.
  return source === pattern || source.includes('[^') ? undefined : new RegExp(source, 'u')
}

function mark(code: number): string {
  return String.fromCharCode(code)
}

/** A string with marks that are always plain, whatever stands around them. */
function typed(text: string, start: number, end: number): boolean {
  for (let at = start; at < end; at += 1) {
    const value = text[at]
    if (value === TEXT || value === INTEGER) return false
    const column = columnAt(text, at)
    if (value === TIME) rules.push({ column, minimum: 0, maximum: TIME_US_MAX })
    if (value === UUID) rules.push({ column, isUuid7: true })
  }
  return true
}

function stringEnd(text: string, at: number): number {
  if (text.charCodeAt(at) !== QUOTE) return FAIL
  const end = text.indexOf('"', at + 1)
  return end === -1 ? FAIL : end + 1
}

const anyString = string({ type: 'string' })

function integer(minimum: number, maximum: number): Walk {
  return (text, at) => {
    if (text[at] === INTEGER) {
      const most = Math.min(maximum, INTEGER_MAX)
      rules.push({ column: columnAt(text, at), minimum, maximum: most })
      return at + 1
    }
    const end = digitsEnd(text, at)
    if (end === FAIL) return FAIL
    const value = Number(text.slice(at, end))
    return minimum <= value && value <= maximum ? end : FAIL
  }
}

/** Digits without a zero before them, few enough to be a safe integer. */
function digitsEnd(text: string, at: number): number {
  let end = at
  while (text.charCodeAt(end) >= ZERO && text.charCodeAt(end) <= NINE) end += 1
  const count = end - at
  if (count === 0 || count > DIGITS_MAX) return FAIL
  return count > 1 && text.charCodeAt(at) === ZERO ? FAIL : end
}

function array(item: Walk, itemsMax: number): Walk {
  return (text, start) => {
    if (text.charCodeAt(start) !== OPEN_BRACKET) return FAIL
    if (text.charCodeAt(start + 1) === CLOSE_BRACKET) return start + 2
    let at = start
    for (let count = 1; count <= itemsMax; count += 1) {
      at = item(text, at + 1)
      if (at === FAIL) return FAIL
      const next = text.charCodeAt(at)
      if (next === CLOSE_BRACKET) return at + 1
      if (next !== COMMA) return FAIL
    }
    return FAIL
  }
}

interface Member {
  readonly prefix: string
  readonly walk: Walk
  readonly required: boolean
}

/** Members in whatever order, none twice; most stand in the order of the one before. */
function object(members: readonly Member[]): Walk {
  const required = members.reduce((bits, member, at) => bits | (member.required ? 1 << at : 0), 0)
  const isSmall = members.length < 31
  return (text, start) => {
    if (!isSmall || text.charCodeAt(start) !== OPEN_BRACE) return FAIL
    if (text.charCodeAt(start + 1) === CLOSE_BRACE) return required === 0 ? start + 2 : FAIL
    let seen = 0
    let next = 0
    for (let at = start; ; ) {
      const found = memberAt(members, text, at + 1, next)
      const member = members[found]
      if (member === undefined || (seen & (1 << found)) !== 0) return FAIL
      seen |= 1 << found
      next = found + 1
      at = member.walk(text, at + 1 + member.prefix.length)
      if (at === FAIL) return FAIL
      const after = text.charCodeAt(at)
      if (after === CLOSE_BRACE) return (seen & required) === required ? at + 1 : FAIL
      if (after !== COMMA) return FAIL
    }
  }
}

function memberAt(members: readonly Member[], text: string, at: number, from: number): number {
  for (let step = 0; step < members.length; step += 1) {
    const place = (from + step) % members.length
    if (text.startsWith(members[place]?.prefix ?? '', at)) return place
  }
  return FAIL
}

function map(item: Walk, membersMax: number): Walk {
  return (text, start) => {
    if (text.charCodeAt(start) !== OPEN_BRACE) return FAIL
    if (text.charCodeAt(start + 1) === CLOSE_BRACE) return start + 2
    const names = new Set<string>()
    for (let at = start; names.size < membersMax; ) {
      const nameEnd = stringEnd(text, at + 1)
      if (nameEnd === FAIL || text.charCodeAt(nameEnd) !== COLON) return FAIL
      const name = text.slice(at + 2, nameEnd - 1)
      if (names.has(name) || MARKED.test(name)) return FAIL
      names.add(name)
      at = item(text, nameEnd + 1)
      if (at === FAIL) return FAIL
      const after = text.charCodeAt(at)
      if (after === CLOSE_BRACE) return at + 1
      if (after !== COMMA) return FAIL
    }
    return FAIL
  }
}

const literal = words(['true', 'false', 'null'])
const anyInteger = integer(-INTEGER_MAX, INTEGER_MAX)

function anything(text: string, at: number, depth: number): number {
  const first = text.charCodeAt(at)
  if (first === QUOTE) return anyString(text, at)
  if (text[at] === INTEGER) return anyInteger(text, at)
  if (first >= ZERO && first <= NINE) return digitsEnd(text, at)
  if (first !== OPEN_BRACE && first !== OPEN_BRACKET)
    return first === MINUS ? FAIL : literal(text, at)
  if (depth === 0) return FAIL
  const item: Walk = (inside, place) => anything(inside, place, depth - 1)
  const walk = first === OPEN_BRACE ? map(item, QUICK_BYTES_MAX) : array(item, QUICK_BYTES_MAX)
  return walk(text, at)
}
