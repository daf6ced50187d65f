import {
  isExchangeKind,
  isKind,
  type Kind,
  type Schema,
  type SectionName,
  sectionSchema,
  type When,
} from '@countersign/evidence'

// An audit reads millions of sections, nearly all of them plain. This check walks the text of a
// section along its schema, once, and builds nothing. It says yes to a part of what evidence's
// parser accepts, and never to anything else; whatever it does not know goes to that parser.

/** Returns where the value that begins at `at` ends, or FAIL. */
type Walk = (text: string, at: number) => number

const FAIL = -1
/** Longer sections are rare. */
const QUICK_BYTES_MAX = 8_192
/** All but printable ASCII, and the backslash: then a string goes from one quote to the next. */
const UNUSUAL = /[^ -[\]-~]/
const DIGITS_MAX = 15
const DEPTH_MAX = 8

const [QUOTE, COMMA, COLON, MINUS, ZERO, NINE] = [0x22, 0x2c, 0x3a, 0x2d, 0x30, 0x39]
const [OPEN_BRACE, CLOSE_BRACE, OPEN_BRACKET, CLOSE_BRACKET] = [0x7b, 0x7d, 0x5b, 0x5d]

/** The text of a section that is certainly as its schema says; undefined: ask the parser. */
export function quickText(name: SectionName, kind: Kind, bytes: Uint8Array): string | undefined {
  const text = plainText(bytes)
  return text !== undefined && walks(name, kind, text) ? text : undefined
}

/** A `when` that is certainly as its schema says, but for its time; undefined: ask the parser. */
export function quickWhen(bytes: Uint8Array): When | undefined {
  const text = plainText(bytes)
  if (text === undefined) return undefined
  const kind = /^\{"v":1,"kind":"([a-z]+)"/.exec(text)?.[1] ?? ''
  if (!isKind(kind) || !walks('when', kind, text)) return undefined
  const when = JSON.parse(text) as When
  return isExchangeKind(kind) === (when.exchange !== undefined) ? when : undefined
}

function plainText(bytes: Uint8Array): string | undefined {
  if (bytes.length > QUICK_BYTES_MAX) return undefined
  const { buffer, byteOffset, length } = bytes
  const text = Buffer.from(buffer, byteOffset, length).toString('latin1')
  return UNUSUAL.test(text) ? undefined : text
}

const compiled = new Map<Schema, Walk>()

function walks(name: SectionName, kind: Kind, text: string): boolean {
  const schema = sectionSchema(name, kind)
  let walk = compiled.get(schema)
  if (walk === undefined) {
    walk = compile(schema)
    compiled.set(schema, walk)
  }
  return walk(text, 0) === text.length
}

function compile(schema: Schema): Walk {
  if ('const' in schema) return word(JSON.stringify(schema.const))
  if ('oneOf' in schema) return anyOf(schema.oneOf.map(compile))
  if ('title' in schema) return (text, at) => anything(text, at, DEPTH_MAX)
  if (schema.type === 'string') return string(schema)
  if (schema.type === 'integer') return integer(schema.minimum, schema.maximum)
  if (schema.type === 'array') return array(compile(schema.items), schema.maxItems)
  if (schema.type === 'boolean') return anyOf([word('true'), word('false')])
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

function word(expected: string): Walk {
  return (text, at) => (text.startsWith(expected, at) ? at + expected.length : FAIL)
}

function anyOf(walks: readonly Walk[]): Walk {
  return (text, at) => {
    for (const walk of walks) {
      const end = walk(text, at)
      if (end !== FAIL) return end
    }
    return FAIL
  }
}

function string(schema: Extract<Schema, { readonly type: 'string' }>): Walk {
  const { type: _type, pattern: source, enum: words, ...unknown } = schema
  unknown satisfies { readonly [keyword: string]: never } // A keyword more is a rule more.
  const pattern = source === undefined ? undefined : new RegExp(source, 'u')
  const choices = words === undefined ? undefined : new Set(words)
  return (text, at) => {
    const end = stringEnd(text, at)
    if (end === FAIL || (pattern === undefined && choices === undefined)) return end
    const value = text.slice(at + 1, end - 1)
    if (choices !== undefined && !choices.has(value)) return FAIL
    return pattern === undefined || pattern.test(value) ? end : FAIL
  }
}

function stringEnd(text: string, at: number): number {
  if (text.charCodeAt(at) !== QUOTE) return FAIL
  const end = text.indexOf('"', at + 1)
  return end === -1 ? FAIL : end + 1
}

function integer(minimum: number, maximum: number): Walk {
  return (text, at) => {
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
      if (names.has(name)) return FAIL
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

const literal = anyOf([word('true'), word('false'), word('null')])

function anything(text: string, at: number, depth: number): number {
  const first = text.charCodeAt(at)
  if (first === QUOTE) return stringEnd(text, at)
  if (first >= ZERO && first <= NINE) return digitsEnd(text, at)
  if (first !== OPEN_BRACE && first !== OPEN_BRACKET)
    return first === MINUS ? FAIL : literal(text, at)
  if (depth === 0) return FAIL
  const item: Walk = (inside, place) => anything(inside, place, depth - 1)
  const walk = first === OPEN_BRACE ? map(item, QUICK_BYTES_MAX) : array(item, QUICK_BYTES_MAX)
  return walk(text, at)
}
