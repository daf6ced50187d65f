import { childState, isSelected, type JsonPath, ROOT } from './json-path.ts'

/** Deeper documents are not captured. */
export const JSON_DEPTH_MAX = 128

/** What is taken out of a JSON document. */
export interface JsonRules {
  readonly paths: readonly JsonPath[]
  /** Whether a member of this name holds a secret, whatever its value. */
  readonly isSecret: (name: string) => boolean
  /** Of strings and numbers, each by itself: the text without what must not be kept. */
  readonly clean: (text: string) => string
  /** Told of every value that was taken out. */
  readonly onPath: (path: JsonPath) => void
  readonly onSecret: () => void
}

/** A document that is not JSON, or too deep: nothing of it can be trusted to be redacted. */
export class UnreadableJson extends Error {}

/** What an exponent, or a point with nothing behind it, hides. */
const OTHER_DIGITS = /[.eE]/
const REDACTED_VALUE = '"[redacted]"'

/**
 * The document with values replaced where they stand; everything else stays as it was written,
 * members that are there twice included.
 */
export function redactJson(text: string, rules: JsonRules): string {
  try {
    JSON.parse(text)
  } catch {
    throw new UnreadableJson('is not JSON')
  }
  return new Redactor(text, rules).run()
}

/** Walks a text that is JSON for certain. */
class Redactor {
  readonly #text: string
  readonly #rules: JsonRules
  #at = 0
  #copied = 0
  #result = ''

  constructor(text: string, rules: JsonRules) {
    this.#text = text
    this.#rules = rules
  }

  run(): string {
    this.#value(
      this.#rules.paths.map(() => ROOT),
      0,
    )
    return this.#result + this.#text.slice(this.#copied)
  }

  #value(states: readonly number[], depth: number): void {
    if (depth > JSON_DEPTH_MAX) throw new UnreadableJson('is too deep')
    this.#space()
    const first = this.#text[this.#at]
    if (first === '{') this.#object(states, depth)
    else if (first === '[') this.#array(states, depth)
    else if (first === '"') this.#string()
    else this.#literal()
  }

  #object(states: readonly number[], depth: number): void {
    this.#at += 1
    for (;;) {
      this.#space()
      const first = this.#text[this.#at]
      if (first === '}') break
      if (first === ',') {
        this.#at += 1
        continue
      }
      const start = this.#at
      this.#string()
      const name = String(JSON.parse(this.#text.slice(start, this.#at)))
      this.#space()
      this.#at += 1 // the colon
      this.#child(states, name, depth)
    }
    this.#at += 1
  }

  #array(states: readonly number[], depth: number): void {
    this.#at += 1
    for (let index = 0; ; ) {
      this.#space()
      const first = this.#text[this.#at]
      if (first === ']') break
      if (first === ',') {
        this.#at += 1
        index += 1
        continue
      }
      this.#child(states, index, depth)
    }
    this.#at += 1
  }

  #child(states: readonly number[], child: string | number, depth: number): void {
    const { paths, isSecret, onPath, onSecret } = this.#rules
    // Most have no paths: nothing is made for each child then.
    const hasPaths = paths.length > 0
    const inside = hasPaths
      ? paths.map((path, nth) => childState(path, states[nth] ?? 0, child))
      : states
    const selecting = hasPaths
      ? paths.find((path, nth) => isSelected(path, inside[nth] ?? 0))
      : undefined
    if (selecting !== undefined) onPath(selecting)
    else if (typeof child === 'string' && isSecret(child)) onSecret()
    else {
      this.#value(inside, depth + 1)
      return
    }
    this.#takeOut(depth)
  }

  #takeOut(depth: number): void {
    this.#space()
    const start = this.#at
    this.#skip(depth + 1)
    this.#replace(start, REDACTED_VALUE)
  }

  #replace(start: number, by: string): void {
    this.#result += this.#text.slice(this.#copied, start) + by
    this.#copied = this.#at
  }

  /** Passes a value without looking into it. */
  #skip(depth: number): void {
    let open = 0
    do {
      this.#space()
      const first = this.#text[this.#at]
      if (first === '{' || first === '[') open += 1
      if (first === '}' || first === ']') open -= 1
      if (first === '"') this.#at = stringEnd(this.#text, this.#at)
      else if (first !== undefined && '{}[],:'.includes(first)) this.#at += 1
      else this.#at = literalEnd(this.#text, this.#at)
      if (open + depth > JSON_DEPTH_MAX) throw new UnreadableJson('is too deep')
    } while (open > 0)
  }

  #string(): void {
    const start = this.#at
    this.#at = stringEnd(this.#text, start)
    const literal = this.#text.slice(start, this.#at)
    const inside = literal.includes('\\') ? String(JSON.parse(literal)) : literal.slice(1, -1)
    const clean = this.#rules.clean(inside)
    if (clean !== inside) this.#replace(start, JSON.stringify(clean))
  }

  #literal(): void {
    const start = this.#at
    this.#at = literalEnd(this.#text, start)
    const literal = this.#text.slice(start, this.#at)
    const { clean } = this.#rules
    if (clean(literal) !== literal || this.#isOtherwise(literal)) {
      this.#replace(start, REDACTED_VALUE)
    }
  }

  /** A number is the same number in other digits: `4.1e3` is `4100`. */
  #isOtherwise(literal: string): boolean {
    const written = OTHER_DIGITS.test(literal) ? String(Number(literal)) : literal
    if (written === literal) return false
    return this.#rules.clean(written) !== written
  }

  #space(): void {
    while (SPACE.has(this.#text.charCodeAt(this.#at))) this.#at += 1
  }
}

const SPACE: ReadonlySet<number> = new Set([0x20, 0x09, 0x0a, 0x0d])
const [QUOTE, BACKSLASH] = [0x22, 0x5c]
const LITERAL_END = /[\s,\]}]|$/g

function stringEnd(text: string, start: number): number {
  let at = start + 1
  for (let code = text.charCodeAt(at); code !== QUOTE; code = text.charCodeAt(at)) {
    at += code === BACKSLASH ? 2 : 1
  }
  return at + 1
}

function literalEnd(text: string, start: number): number {
  LITERAL_END.lastIndex = start
  return LITERAL_END.exec(text)?.index ?? text.length
}
