/** Characters that a pattern may take at one place: ASCII, a bit each. */
type CharacterSet = Uint8Array

interface Atom {
  readonly source: string
  readonly set: CharacterSet
  readonly min: number
  readonly max: number
}

const ASCII = 128
/** Characters that one match may have. */
const MATCH_LENGTH_MAX = 1024
const PATTERN_LENGTH_MAX = 300

const LITERAL = /[A-Za-z0-9 _@#%&=:;,~`"'<>!/-]/.source
const ESCAPE = /\\[dws.\\/^$*+?()[\]{}|-]/.source
const SET = /\[(?:\\.|[^\]\\])+\]/.source
const ATOM = new RegExp(`${LITERAL}|${ESCAPE}|${SET}`, 'y')
const COUNT = /\{(?<exact>[0-9]{1,4})\}|\{(?<min>[0-9]{1,4}),(?<max>[0-9]{1,4})\}|(?<optional>\?)/y

/**
 * A regular expression of which no text makes a search slow: a row of single characters and sets
 * of them, each with how often it may stand there. What may vary in number shares no character
 * with what may follow it, so there is one way to match at each place and nothing to try again.
 * Throws an Error that says what is not allowed.
 */
export function parseSafePattern(pattern: string): RegExp {
  if (pattern.length > PATTERN_LENGTH_MAX) throw wrong(pattern, 'is too long')
  const atoms: Atom[] = []
  for (let at = 0; at < pattern.length; ) {
    const atom = matchAt(ATOM, pattern, at)
    if (atom === undefined) {
      throw wrong(pattern, `has ${JSON.stringify(pattern[at])}, which is not allowed here`)
    }
    at += atom[0].length
    const count = matchAt(COUNT, pattern, at)
    at += count?.[0].length ?? 0
    const set = setOf(pattern, atom[0])
    atoms.push({ source: atom[0] + (count?.[0] ?? ''), set, ...countOf(pattern, count) })
  }
  const longest = atoms.reduce((sum, { max }) => sum + max, 0)
  if (longest > MATCH_LENGTH_MAX) {
    throw wrong(pattern, `may match more than ${MATCH_LENGTH_MAX} characters`)
  }
  if (!atoms.some(({ min }) => min > 0)) throw wrong(pattern, 'matches nothing at all')
  for (const [nth, atom] of atoms.entries()) refuseAmbiguous(pattern, atom, atoms.slice(nth + 1))
  return new RegExp(atoms.map(({ source }) => source).join(''), 'g')
}

function refuseAmbiguous(pattern: string, atom: Atom, after: readonly Atom[]): void {
  if (atom.min === atom.max) return
  for (const next of after) {
    if (atom.set.some((bit, code) => bit === 1 && next.set[code] === 1)) {
      throw wrong(pattern, `lets ${atom.source} and the ${next.source} after it share characters`)
    }
    if (next.min > 0) return
  }
}

function countOf(
  pattern: string,
  found: RegExpExecArray | undefined,
): { readonly min: number; readonly max: number } {
  const { exact, min, max, optional } = found?.groups ?? {}
  if (optional !== undefined) return { min: 0, max: 1 }
  if (exact !== undefined) return { min: Number(exact), max: Number(exact) }
  if (min === undefined || max === undefined) return { min: 1, max: 1 }
  if (Number(min) > Number(max)) throw wrong(pattern, `counts from ${min} to ${max}`)
  return { min: Number(min), max: Number(max) }
}

/** Asked of the engine that will search: so the two cannot differ. */
function setOf(pattern: string, source: string): CharacterSet {
  const set = new Uint8Array(ASCII)
  let one: RegExp
  try {
    one = new RegExp(`^${source}$`)
  } catch (cause) {
    throw new Error(`${JSON.stringify(pattern)} has a malformed set ${source}`, { cause })
  }
  // What a set leaves out it must not take beyond ASCII either: there everything would be the same.
  if (source.startsWith('[^') || /\\[DWS]/.test(source)) {
    throw wrong(pattern, `says in ${source} what does not match: say what does`)
  }
  if (/[^ -~]/.test(source)) throw wrong(pattern, 'has a character that is not ASCII')
  for (let code = 0; code < ASCII; code++) {
    if (one.test(String.fromCharCode(code))) set[code] = 1
  }
  return set
}

function matchAt(expression: RegExp, text: string, at: number): RegExpExecArray | undefined {
  expression.lastIndex = at
  return expression.exec(text) ?? undefined
}

function wrong(pattern: string, why: string): Error {
  return new Error(`${JSON.stringify(pattern)} ${why}`)
}
