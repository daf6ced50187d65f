/** The members of a JSON object of somebody else's. */
export type Members = Readonly<Record<string, unknown>>

/** Nesting of a header or claims set that is followed. */
const DEPTH_MAX = 16

/** Times of JWT: whole seconds here, in the plainest notation. */
const TIMES = new Set(['exp', 'nbf', 'iat', 'auth_time'])

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Returns the object that `bytes` hold, or undefined: for no JSON, no object, malformed UTF-8, a
 * byte-order mark, a name that occurs twice in one object, a lone surrogate, too deep a nesting,
 * and a time that is written as a fraction or with an exponent. Other fractions are let be: claims
 * of an issuer's own may have them.
 */
export function parseMembers(bytes: Uint8Array): Members | undefined {
  try {
    const text = utf8.decode(bytes)
    const value: unknown = JSON.parse(text)
    return isMembers(value) && isUnambiguous(text) ? value : undefined
  } catch {
    return undefined // no UTF-8 or no JSON: that is the answer
  }
}

export function isMembers(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The member, never something inherited. */
export function member(members: Members, name: string): unknown {
  return Object.hasOwn(members, name) ? members[name] : undefined
}

const ODD_NUMBER = /\s*-?[0-9]+[.eE]/y

/** Of a text that is JSON: whether every reader sees the same members in it. */
function isUnambiguous(text: string): boolean {
  const open: (Set<string> | undefined)[] = []
  let last = ''
  for (let at = 0; at < text.length; at += 1) {
    switch (text[at]) {
      case '{':
      case '[':
        if (open.push(text[at] === '{' ? new Set() : undefined) > DEPTH_MAX) return false
        break
      case '}':
      case ']':
        open.pop()
        break
      case ':': {
        const names = open.at(-1)
        if (names === undefined || names.has(last)) return false
        names.add(last)
        if (open.length === 1 && TIMES.has(last) && isOddNumber(text, at + 1)) return false
        break
      }
      case '"': {
        const end = endOfString(text, at)
        last = readString(text.slice(at, end))
        if (!last.isWellFormed()) return false
        at = end - 1
        break
      }
      default:
    }
  }
  return true
}

/** Behind the quotation mark that ends the string which begins at `at`. */
function endOfString(text: string, at: number): number {
  let end = text.indexOf('"', at + 1)
  while (isEscaped(text, end)) end = text.indexOf('"', end + 1)
  return end + 1
}

function isEscaped(text: string, at: number): boolean {
  let backslashes = 0
  while (text[at - 1 - backslashes] === '\\') backslashes += 1
  return backslashes % 2 === 1
}

function readString(literal: string): string {
  return literal.includes('\\') ? (JSON.parse(literal) as string) : literal.slice(1, -1)
}

function isOddNumber(text: string, at: number): boolean {
  ODD_NUMBER.lastIndex = at
  return ODD_NUMBER.test(text)
}
