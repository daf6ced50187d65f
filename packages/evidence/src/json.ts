import { EvidenceError } from './error.ts'

/** A value of strict JSON: numbers are safe integers, text is well-formed Unicode. */
export type Json = string | number | boolean | null | readonly Json[] | JsonObject

/** An object of strict JSON. */
export interface JsonObject {
  readonly [name: string]: Json
}

/** Deepest nesting of arrays and objects that the parser follows. */
export const JSON_DEPTH_MAX = 16

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Returns the value that `bytes` hold, read as strict JSON (RFC 8259, narrowed).
 *
 * Two readers must never see two meanings in the same bytes, so everything on which parsers differ
 * is an error: duplicate keys, numbers that are not safe integers or not in their shortest form,
 * lone surrogates, a byte-order mark, malformed UTF-8, anything after the value.
 *
 * @param bytes  UTF-8 text of one value; read, never kept
 * @throws       EvidenceError EVIDENCE_JSON, with the offset of the first offence
 */
export function parseJson(bytes: Uint8Array): Json {
  const text = decodeUtf8(bytes)
  return parseCanonical(text) ?? new Parser(text).document()
}

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes)
  } catch (cause) {
    throw new EvidenceError('EVIDENCE_JSON', 'text is not well-formed utf-8', { cause })
  }
}

/**
 * Returns the value of a text that the native parser reads and writes back unchanged, otherwise
 * undefined. Such a text has no duplicate key, no odd number and no trailing byte, so that only
 * depth, fractions and escaped surrogates are left to look for; it is how our own writer writes.
 */
function parseCanonical(text: string): Json | undefined {
  if (text.includes('\\ud') || text.includes('\\uD')) return undefined
  try {
    const value = JSON.parse(text) as Json
    return isPlain(value, JSON_DEPTH_MAX) && JSON.stringify(value) === text ? value : undefined
  } catch {
    return undefined // the strict parser finds the same fault and knows its place
  }
}

function isPlain(value: Json, depth: number): boolean {
  if (typeof value === 'number') return Number.isSafeInteger(value)
  if (typeof value !== 'object' || value === null) return true
  if (depth === 0) return false
  for (const item of Object.values(value)) if (!isPlain(item, depth - 1)) return false
  return true
}

const INTEGER = /-?(?:0|[1-9][0-9]*)/y
const PLAIN_TEXT = /[ !#-[\]-\u{10ffff}]*/uy // all but the quote, the backslash and controls
const ESCAPES: JsonObject = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
}

class Parser {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  document(): Json {
    const value = this.#value(JSON_DEPTH_MAX)
    this.#space()
    if (this.#at < this.#text.length) this.#fail('text after the value')
    return value
  }

  #value(depth: number): Json {
    this.#space()
    const first = this.#text[this.#at]
    if (first === '{') return this.#object(this.#deeper(depth))
    if (first === '[') return this.#array(this.#deeper(depth))
    if (first === '"') return this.#string()
    if (first === 't') return this.#word('true', true)
    if (first === 'f') return this.#word('false', false)
    if (first === 'n') return this.#word('null', null)
    return this.#integer()
  }

  #deeper(depth: number): number {
    if (depth === 0) this.#fail(`nested deeper than ${JSON_DEPTH_MAX}`)
    this.#at++
    return depth - 1
  }

  #object(depth: number): JsonObject {
    const object: Record<string, Json> = {}
    if (this.#takes('}')) return object
    do {
      this.#space()
      const start = this.#at
      const name = this.#string()
      if (Object.hasOwn(object, name)) this.#fail('duplicate key', start)
      this.#expect(':')
      const value = this.#value(depth)
      // An assignment to `__proto__` would set the prototype instead of a property.
      Object.defineProperty(object, name, {
        value,
        enumerable: true,
        writable: true,
        configurable: true,
      })
    } while (this.#takes(','))
    this.#expect('}')
    return object
  }

  #array(depth: number): readonly Json[] {
    const array: Json[] = []
    if (this.#takes(']')) return array
    do array.push(this.#value(depth))
    while (this.#takes(','))
    this.#expect(']')
    return array
  }

  #string(): string {
    if (this.#text[this.#at] !== '"') this.#fail('a string was expected')
    const start = this.#at++
    let value = ''
    for (;;) {
      value += this.#match(PLAIN_TEXT)
      const next = this.#text[this.#at++]
      if (next === '"') break
      if (next !== '\\') this.#fail('unfinished string or bare control character', this.#at - 1)
      value += this.#escape()
    }
    if (!value.isWellFormed()) this.#fail('lone surrogate', start)
    return value
  }

  #escape(): string {
    const letter = this.#text[this.#at++] ?? ''
    if (letter === 'u') {
      const hex = this.#text.slice(this.#at, this.#at + 4)
      if (!/^[0-9a-fA-F]{4}$/.test(hex)) this.#fail('four hexadecimal digits were expected')
      this.#at += 4
      return String.fromCharCode(Number.parseInt(hex, 16))
    }
    const escaped = Object.hasOwn(ESCAPES, letter) ? ESCAPES[letter] : undefined
    if (typeof escaped !== 'string') this.#fail('unknown escape', this.#at - 1)
    return escaped
  }

  #integer(): number {
    const start = this.#at
    const digits = this.#match(INTEGER)
    if (digits === '') this.#fail('a value was expected')
    if (/[0-9.eE]/.test(this.#text[this.#at] ?? '')) this.#fail('number is not an integer', start)
    const value = Number(digits)
    if (!Number.isSafeInteger(value) || digits === '-0') this.#fail('integer is not safe', start)
    return value
  }

  #word<T extends Json>(word: string, value: T): T {
    if (!this.#text.startsWith(word, this.#at)) this.#fail('a value was expected')
    this.#at += word.length
    return value
  }

  #match(pattern: RegExp): string {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#text)?.[0] ?? ''
    this.#at += found.length
    return found
  }

  #takes(character: string): boolean {
    this.#space()
    if (this.#text[this.#at] !== character) return false
    this.#at++
    return true
  }

  #expect(character: string): void {
    if (!this.#takes(character)) this.#fail(`${character} was expected`)
  }

  #space(): void {
    while (' \n\r\t'.includes(this.#text[this.#at] ?? 'x')) this.#at++
  }

  #fail(what: string, at: number = this.#at): never {
    throw new EvidenceError('EVIDENCE_JSON', `${what} at ${at}`)
  }
}
