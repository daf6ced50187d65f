/** A parameter's value (RFC 9651), as far as signatures have them. */
export type BareItem =
  | { readonly kind: 'integer'; readonly value: number }
  | { readonly kind: 'string' | 'token'; readonly value: string }
  | { readonly kind: 'bytes'; readonly value: Uint8Array }
  | { readonly kind: 'boolean'; readonly value: boolean }

export type Parameters = ReadonlyMap<string, BareItem>

export interface Item {
  readonly item: BareItem
  readonly parameters: Parameters
}

export interface InnerList {
  readonly items: readonly Item[]
  readonly parameters: Parameters
}

const KEY = /[a-z*][a-z0-9_\-.*]*/y
const INTEGER = /-?[0-9]{1,15}(?![0-9.])/y
const STRING = /"((?:[ !#-[\]-~]|\\["\\])*)"/y
const TOKEN = /[A-Za-z*][!#$%&'*+\-.^_`|~0-9A-Za-z:/]*/y
const BYTES = /:([A-Za-z0-9+/]*={0,2}):/y
const BOOLEAN = /\?([01])/y
const SPACES = / */y
const COMMA = /[ \t]*,[ \t]*/y

/**
 * Reads a dictionary. Undefined for what is not one, and for a key that stands there twice: RFC
 * 9651 lets the last one count, and two readers could disagree.
 */
export function parseDictionary(
  values: readonly string[],
): ReadonlyMap<string, Item | InnerList> | undefined {
  return new Reader(withoutEnds(values.join(', '), ' ')).dictionary()
}

/** In one pass: a regular expression looks at a run of blanks once for each blank in it. */
export function withoutEnds(text: string, blanks: string): string {
  let [from, to] = [0, text.length]
  while (from < to && blanks.includes(text.charAt(from))) from += 1
  while (to > from && blanks.includes(text.charAt(to - 1))) to -= 1
  return text.slice(from, to)
}

/** As section 4.1.1.1 of RFC 9651 writes it: what is signed is this, however it was received. */
export function formatInnerList({ items, parameters }: InnerList): string {
  return `(${items.map(formatItem).join(' ')})${formatParameters(parameters)}`
}

export function formatItem({ item, parameters }: Item): string {
  return `${formatBare(item)}${formatParameters(parameters)}`
}

function formatParameters(parameters: Parameters): string {
  return [...parameters]
    .map(([name, item]) => {
      const isTrue = item.kind === 'boolean' && item.value
      return isTrue ? `;${name}` : `;${name}=${formatBare(item)}`
    })
    .join('')
}

function formatBare(item: BareItem): string {
  switch (item.kind) {
    case 'integer':
      return String(item.value)
    case 'string':
      return `"${item.value.replaceAll(/["\\]/g, '\\$&')}"`
    case 'token':
      return item.value
    case 'bytes':
      return `:${Buffer.from(item.value).toString('base64')}:`
    case 'boolean':
      return item.value ? '?1' : '?0'
  }
}

class Unreadable extends Error {}

class Reader {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  dictionary(): ReadonlyMap<string, Item | InnerList> | undefined {
    const members = new Map<string, Item | InnerList>()
    try {
      do {
        const key = this.#take(KEY)
        if (members.has(key)) return undefined
        members.set(key, this.#member())
      } while (this.#has(COMMA))
      return this.#at === this.#text.length ? members : undefined
    } catch (error) {
      if (error instanceof Unreadable) return undefined
      throw error
    }
  }

  #member(): Item | InnerList {
    if (!this.#skip('=')) {
      return { item: { kind: 'boolean', value: true }, parameters: this.#parameters() }
    }
    return this.#text[this.#at] === '(' ? this.#innerList() : this.#item()
  }

  #innerList(): InnerList {
    this.#skip('(')
    const items: Item[] = []
    for (;;) {
      this.#take(SPACES)
      if (this.#skip(')')) return { items, parameters: this.#parameters() }
      items.push(this.#item())
      if (this.#text[this.#at] !== ' ' && this.#text[this.#at] !== ')') throw new Unreadable()
    }
  }

  #item(): Item {
    return { item: this.#bare(), parameters: this.#parameters() }
  }

  #parameters(): Parameters {
    const parameters = new Map<string, BareItem>()
    while (this.#skip(';')) {
      this.#take(SPACES)
      const key = this.#take(KEY)
      if (parameters.has(key)) throw new Unreadable()
      parameters.set(key, this.#skip('=') ? this.#bare() : { kind: 'boolean', value: true })
    }
    return parameters
  }

  #bare(): BareItem {
    const first = this.#text[this.#at] ?? ''
    if (first === '"') {
      return { kind: 'string', value: this.#take(STRING, 1).replaceAll(/\\(.)/g, '$1') }
    }
    if (first === ':') return { kind: 'bytes', value: this.#bytes() }
    if (first === '?') return { kind: 'boolean', value: this.#take(BOOLEAN, 1) === '1' }
    if (/[-0-9]/.test(first)) return { kind: 'integer', value: Number(this.#take(INTEGER)) }
    return { kind: 'token', value: this.#take(TOKEN) }
  }

  #bytes(): Uint8Array {
    const base64 = this.#take(BYTES, 1)
    const bytes = Buffer.from(base64, 'base64')
    if (bytes.toString('base64') !== base64) throw new Unreadable()
    return bytes
  }

  #skip(character: string): boolean {
    if (this.#text[this.#at] !== character) return false
    this.#at += 1
    return true
  }

  #has(pattern: RegExp): boolean {
    pattern.lastIndex = this.#at
    if (!pattern.test(this.#text)) return false
    this.#at = pattern.lastIndex
    return true
  }

  #take(pattern: RegExp, group = 0): string {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#text)
    if (found === null) throw new Unreadable()
    this.#at = pattern.lastIndex
    return found[group] ?? ''
  }
}
