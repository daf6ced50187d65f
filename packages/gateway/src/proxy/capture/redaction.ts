import type { RedactionFacts } from '@countersign/evidence'
import { REDACTED, redactCredentials } from '../../identity/index.ts'
import { withoutReferences } from '../character-references.ts'
import { isSecretMember } from '../redact.ts'
import { type BodyType, FORM, isJson } from './body-type.ts'
import type { CaptureConfig } from './capture-config.ts'
import { type JsonPath, parseJsonPath } from './json-path.ts'
import { redactJson, UnreadableJson } from './json-redaction.ts'
import { declaredEncoding, hasName, isMarkup } from './markup.ts'
import { parseSafePattern } from './safe-pattern.ts'

/** A body without what must not be kept, or why there is none. */
export type Redacted =
  | { readonly bytes: Uint8Array; readonly redactions: readonly RedactionFacts[] }
  | { readonly uncaptured: 'malformed' | 'charset' | 'type' }

const CREDENTIALS = 'credentials'
const BYTE_ORDER_MARK = '\ufeff'
/** As in UTF-16 and UTF-32: their marks of byte order, and the zeros of every plain character. */
const WIDE = /^(?:\xff\xfe|\xfe\xff)|\0/
/** Of which every byte below 0x80 is the character of ASCII. */
const CHARSETS = new Set(['utf-8', 'utf8', 'us-ascii', 'ascii', 'iso-8859-1', 'windows-1252'])

/** What a route takes out of bodies before they are sealed. */
export class Redaction {
  /** As they were configured. */
  readonly rules: CaptureConfig['redact']
  readonly #credentials: boolean
  readonly #paths: readonly JsonPath[]
  readonly #patterns: readonly { readonly name: string; readonly pattern: RegExp }[]

  /** The configuration was checked: it does not throw. */
  constructor(rules: CaptureConfig['redact']) {
    const { credentials, paths, patterns } = rules
    this.rules = rules
    this.#credentials = credentials
    this.#paths = paths.map(parseJsonPath)
    this.#patterns = patterns.map((each) => ({ ...each, pattern: parseSafePattern(each.pattern) }))
  }

  /**
   * Paths can only be followed in JSON: nothing else is kept where there are some. Parts of
   * multipart bodies have names and encodings of their own, which are not looked into.
   */
  takes({ type }: BodyType): boolean {
    if (type?.startsWith('multipart/') === true) return false
    return this.#paths.length === 0 || isJson(type)
  }

  redact(bytes: Uint8Array, { type, charset }: BodyType): Redacted {
    if (charset !== undefined && !CHARSETS.has(charset)) return { uncaptured: 'charset' }
    const counts = new Map<string, number>()
    if (isJson(type)) return this.#redactJson(bytes, counts)
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
    if (isText(type) && WIDE.test(text)) return { uncaptured: 'charset' }
    if (isMarkup(type)) return this.#redactMarkup(text, counts)
    const clean = type === FORM ? this.#form(text, counts) : this.#clean(text, counts)
    return { bytes: Buffer.from(clean, 'latin1'), redactions: factsOf(counts) }
  }

  #redactJson(bytes: Uint8Array, counts: Map<string, number>): Redacted {
    let text: string
    try {
      text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
    } catch {
      return { uncaptured: 'malformed' }
    }
    try {
      const mark = text.startsWith(BYTE_ORDER_MARK) ? BYTE_ORDER_MARK : ''
      const clean = redactJson(text.slice(mark.length), {
        paths: this.#paths,
        isSecret: (name) => this.#credentials && isSecretMember(name),
        clean: (inside) => this.#clean(inside, counts),
        onPath: (path) => count(counts, path.text),
        onSecret: () => count(counts, CREDENTIALS),
      })
      return { bytes: Buffer.from(mark + clean, 'utf8'), redactions: factsOf(counts) }
    } catch (error) {
      if (error instanceof UnreadableJson) return { uncaptured: 'malformed' }
      throw error
    }
  }

  /** What only its reader would see cannot be taken out where it stands: nothing is kept then. */
  #redactMarkup(text: string, counts: Map<string, number>): Redacted {
    const encoding = declaredEncoding(text)
    if (encoding !== undefined && !CHARSETS.has(encoding)) return { uncaptured: 'charset' }
    if (this.#credentials && hasName(asUtf8(text), isSecretMember)) return { uncaptured: 'type' }
    const clean = this.#clean(text, counts)
    const seen = this.#clean(withoutReferences(text), new Map())
    if (seen !== withoutReferences(clean)) return { uncaptured: 'malformed' }
    return { bytes: Buffer.from(clean, 'latin1'), redactions: factsOf(counts) }
  }

  /** Names and values as their reader will see them: an escape hides nothing. */
  #form(text: string, counts: Map<string, number>): string {
    return text
      .split(/([&;])/)
      .map((parameter, at) => {
        if (at % 2 === 1) return parameter
        const equals = parameter.indexOf('=')
        const name = equals === -1 ? '' : parameter.slice(0, equals)
        if (this.#credentials && isSecretMember(asUtf8(unescaped(name)))) {
          count(counts, CREDENTIALS)
          return `${name}=${REDACTED}`
        }
        const plain = unescaped(parameter)
        const clean = this.#clean(plain, counts)
        return clean === plain ? parameter : clean.replaceAll('&', '%26').replaceAll(';', '%3B')
      })
      .join('')
  }

  #clean(text: string, counts: Map<string, number>): string {
    let clean = text
    if (this.#credentials) {
      clean = redactCredentials(text)
      if (clean !== text) count(counts, CREDENTIALS, occurrences(clean) - occurrences(text))
    }
    for (const { name, pattern } of this.#patterns) {
      clean = clean.replace(pattern, () => {
        count(counts, name)
        return REDACTED
      })
    }
    return clean
  }
}

/** Images and the like are bytes, zeros among them. */
function isText(type: string | undefined): boolean {
  return type === undefined || type === FORM || type.startsWith('text/') || isMarkup(type)
}

/** Bytes as latin1, as whoever takes them for UTF-8 reads them. */
function asUtf8(text: string): string {
  return Buffer.from(text, 'latin1').toString('utf8')
}

function count(counts: Map<string, number>, rule: string, times = 1): void {
  counts.set(rule, (counts.get(rule) ?? 0) + Math.max(1, times))
}

function factsOf(counts: ReadonlyMap<string, number>): readonly RedactionFacts[] {
  return [...counts].map(([rule, each]) => ({ rule, count: each }))
}

function occurrences(text: string): number {
  return text.split(REDACTED).length - 1
}

/** Bytes as latin1, escapes undone. */
function unescaped(text: string): string {
  return text
    .replaceAll('+', ' ')
    .replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    )
}
