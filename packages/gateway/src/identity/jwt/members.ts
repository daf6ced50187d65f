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

const TOKENS = /"(?:[^"\\]|\\.)*"|[{}[\]:]/g
const ODD_NUMBER = /\s*-?[0-9]+[.eE]/y

/** Of a text that is JSON: whether every reader sees the same members in it. */
function isUnambiguous(text: string): boolean {
  const open: (Set<string> | undefined)[] = []
  let last = ''
  for (const { 0: token, index } of text.matchAll(TOKENS)) {
    if (token === '{' || token === '[') {
      if (open.push(token === '{' ? new Set() : undefined) > DEPTH_MAX) return false
    } else if (token === '}' || token === ']') open.pop()
    else if (token === ':') {
      const name = readString(last)
      const names = open.at(-1)
      if (names === undefined || names.has(name)) return false
      names.add(name)
      if (open.length === 1 && TIMES.has(name) && isOddNumber(text, index + 1)) return false
    } else {
      last = token
      if (token.includes('\\') && !readString(token).isWellFormed()) return false
    }
  }
  return true
}

function readString(literal: string): string {
  return literal.includes('\\') ? (JSON.parse(literal) as string) : literal.slice(1, -1)
}

function isOddNumber(text: string, at: number): boolean {
  ODD_NUMBER.lastIndex = at
  return ODD_NUMBER.test(text)
}
