/** Lines of name and value in the order received, each name as it was spelled. */
export type Fields = readonly (readonly [name: string, value: string])[]

/**
 * Lines of our own making, as they are sent, each with its end: of names in lower case and plain
 * characters, which nobody needs to look at again. One text: a list of pairs costs four times that.
 */
export type MadeLines = string

const CR = 0x0d
const LF = 0x0a
const SPACE = 0x20
const TAB = 0x09

const LINE = /([A-Za-z0-9!#$%&'*+.^`|~_-]+):([\t\x20-\x7e\x80-\xff]*)\r\n/y
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
    LINE.lastIndex = at
    // One expression a line: a loop looks up the method anew for every character that it reads.
    const [, name, value] = LINE.exec(text) ?? []
    if (name === undefined || value === undefined) return undefined
    fields.push([name, withoutBlanks(value)])
    at = LINE.lastIndex
  }
  return fields
}

/** Without space and tab around it, and nothing else that JavaScript would trim. */
function withoutBlanks(value: string): string {
  let from = 0
  let to = value.length
  while (from < to && isBlank(value.charCodeAt(from))) from += 1
  while (to > from && isBlank(value.charCodeAt(to - 1))) to -= 1
  return value.slice(from, to)
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

/** For who sends no lines. */
export function fieldsOfLines(lines: MadeLines): Fields {
  const fields: [string, string][] = []
  for (const line of lines.split('\r\n')) {
    const end = line.indexOf(': ')
    if (end !== -1) fields.push([line.slice(0, end), line.slice(end + 2)])
  }
  return fields
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
