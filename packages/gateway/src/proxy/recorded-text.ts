import type { HeaderFields } from './header-fields.ts'
import { valuesOf } from './header-fields.ts'
import { redactHeader, redactText } from './redact.ts'

const HEADER_VALUES_MAX = 32
const TEXT_LENGTH_MAX = 8192
const CUT = '[cut]'

/** A text as a record holds it. */
export interface RecordedText {
  readonly text: string
  /** A part of it is missing. */
  readonly isCut: boolean
}

/** Headers as a record holds them, names in lower case. */
export interface RecordedHeaders {
  readonly values: { readonly [name: string]: readonly string[] }
  readonly isCut: boolean
}

export function recordedPath(path: string): RecordedText {
  return bounded(redactText(path))
}

/** The headers that a route names, where the request has them. */
export function recordedHeaders(fields: HeaderFields, names: readonly string[]): RecordedHeaders {
  if (names.length === 0) return NONE
  let isCut = false
  const found: [string, readonly string[]][] = []
  for (const name of names.map((each) => each.toLowerCase())) {
    const values = valuesOf(fields, name)
    if (values.length === 0) continue
    const texts = values.slice(0, HEADER_VALUES_MAX).map((value) => {
      return bounded(redactHeader(name, value))
    })
    if (values.length > HEADER_VALUES_MAX || texts.some((text) => text.isCut)) isCut = true
    found.push([name, texts.map(({ text }) => text)])
  }
  return { values: Object.fromEntries(found), isCut }
}

/** Headers as they came, by the names that were recorded; undefined where that is the same. */
export function receivedHeaders(
  fields: HeaderFields,
  recorded: RecordedHeaders['values'],
): RecordedHeaders['values'] | undefined {
  // Mostly there are none.
  if (recorded === NONE.values) return undefined
  let isSame = true
  const found: [string, readonly string[]][] = []
  for (const [name, texts] of Object.entries(recorded)) {
    const values = valuesOf(fields, name)
    if (values.some((value, at) => value !== texts[at])) isSame = false
    found.push([name, values])
  }
  return isSame ? undefined : Object.fromEntries(found)
}

const NONE: RecordedHeaders = { values: {}, isCut: false }

/** Redaction can lengthen a text; what a record cannot hold is cut, and says so. */
export function bounded(text: string): RecordedText {
  if (text.length <= TEXT_LENGTH_MAX) return { text, isCut: false }
  return { text: `${text.slice(0, TEXT_LENGTH_MAX - CUT.length)}${CUT}`, isCut: true }
}
