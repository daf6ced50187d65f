/** Lines of name and value in the order received, each name as it was spelled. */
export type Fields = readonly (readonly [name: string, value: string])[]

const COLON = 0x3a
const CR = 0x0d
const LF = 0x0a
const SPACE = 0x20
const TAB = 0x09

const TOKEN = tableOf(/[A-Za-z0-9!#$%&'*+.^`|~_-]/)
const VALUE = tableOf(/[\t\x20-\x7e\x80-\xff]/)
/** What would end a line, or be cut to another byte, on its way out. */
const NOT_TOKEN = /[^A-Za-z0-9!#$%&'*+.^`|~_-]/
const NOT_VALUE = /[^\t\x20-\x7e\x80-\xff]/

/**
 * Lines of name and value from `from` to the end of `text`, which is Latin-1; undefined where one
 * is no such line. What two readers could take differently is refused, not repaired.
 */
export function parseFields(text: string, from: number): [string, string][] | undefined {
  const fields: [string, string][] = []
  let at = from
  while (at < text.length) {
    const nameAt = at
    while (TOKEN[text.charCodeAt(at)] === 1) at += 1
    if (at === nameAt || text.charCodeAt(at) !== COLON) return undefined
    const name = text.slice(nameAt, at)
    at += 1
    while (isBlank(text.charCodeAt(at))) at += 1
    const valueAt = at
    while (VALUE[text.charCodeAt(at)] === 1) at += 1
    if (text.charCodeAt(at) !== CR || text.charCodeAt(at + 1) !== LF) return undefined
    let valueEnd = at
    while (valueEnd > valueAt && isBlank(text.charCodeAt(valueEnd - 1))) valueEnd -= 1
    fields.push([name, text.slice(valueAt, valueEnd)])
    at += 2
  }
  return fields
}

/** The lines as they are sent, in Latin-1; undefined where one would end early. */
export function formatFields(fields: Fields): string | undefined {
  let lines = ''
  for (const [name, value] of fields) {
    if (!isToken(name) || !isFieldValue(value)) return undefined
    lines += `${name}: ${value}\r\n`
  }
  return lines
}

export function isToken(text: string): boolean {
  return text !== '' && !NOT_TOKEN.test(text)
}

export function isFieldValue(text: string): boolean {
  return !NOT_VALUE.test(text)
}

/** A line feed after anything but a carriage return: it would end a line for a lenient reader. */
export function hasBareLineEnd(bytes: Buffer, from: number): boolean {
  for (let at = bytes.indexOf(LF, from); at !== -1; at = bytes.indexOf(LF, at + 1)) {
    if (bytes[at - 1] !== CR) return true
  }
  return false
}

function isBlank(code: number): boolean {
  return code === SPACE || code === TAB
}

/** One for each byte that the form takes. */
function tableOf(form: RegExp): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, code) =>
    form.test(String.fromCharCode(code)) ? 1 : 0,
  )
}
