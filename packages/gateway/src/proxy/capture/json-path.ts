/** What one step of a path takes. */
type Selector =
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'index'; readonly index: number }
  | { readonly kind: 'wildcard' }

interface Segment {
  readonly selectors: readonly Selector[]
  /** Of children at any depth. */
  readonly isDescendant: boolean
}

/**
 * A JSONPath (RFC 9535) without filters, slices and negative indices: `$`, names, `*`, indices,
 * several of them in brackets, and `..`. What it selects is found in one pass over a text.
 */
export interface JsonPath {
  readonly text: string
  readonly segments: readonly Segment[]
}

/** Segments of a path: those that were matched are a bit each. */
const SEGMENTS_MAX = 30
const PATH_LENGTH_MAX = 200

const STEP =
  /(?<descendant>\.\.)(?=[[*A-Za-z_\u0080-\uffff])|(?<dot>\.)(?=[*A-Za-z_\u0080-\uffff])|(?=\[)/y
const SHORTHAND = /\*|[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*/y
const BRACKETED = /\[\s*(?<list>(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[^'"\]])*)\]/y
const QUOTED = /'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"/.source
const ITEM = new RegExp(
  String.raw`\s*(?:(?<wildcard>\*)|(?<index>0|[1-9][0-9]{0,8})|(?<quoted>${QUOTED}))\s*(?:,|$)`,
  'y',
)

/** Throws an Error that says what the subset does not have. */
export function parseJsonPath(text: string): JsonPath {
  if (text.length > PATH_LENGTH_MAX)
    throw wrong(text, `has more than ${PATH_LENGTH_MAX} characters`)
  if (!text.startsWith('$')) throw wrong(text, 'does not begin with $')
  const segments: Segment[] = []
  for (let at = 1; at < text.length; ) {
    const step = matchAt(STEP, text, at)
    if (step === undefined) throw wrong(text, `is not understood at character ${at + 1}`)
    at += step[0].length
    const { descendant } = step.groups ?? {}
    const found = text[at] === '[' ? bracketed(text, at) : shorthand(text, at)
    segments.push({ selectors: found.selectors, isDescendant: descendant !== undefined })
    at = found.end
  }
  if (segments.length === 0) throw wrong(text, 'selects the whole body: leave the type out')
  if (segments.length > SEGMENTS_MAX) throw wrong(text, `has more than ${SEGMENTS_MAX} steps`)
  return { text, segments }
}

/** Where the root of a document stands: nothing of the path is matched. */
export const ROOT = 1

/**
 * The state of a child, from that of its parent: a bit for each number of segments that may be
 * matched. A child that is selected has `selectedBit`.
 */
export function childState({ segments }: JsonPath, parent: number, child: string | number): number {
  let state = 0
  for (let nth = 0; nth < segments.length; nth++) {
    if ((parent & (1 << nth)) === 0) continue
    const segment = segments[nth]
    if (segment === undefined) continue
    if (segment.isDescendant) state |= 1 << nth
    if (segment.selectors.some((selector) => takes(selector, child))) state |= 1 << (nth + 1)
  }
  return state
}

export function isSelected({ segments }: JsonPath, state: number): boolean {
  return (state & (1 << segments.length)) !== 0
}

function takes(selector: Selector, child: string | number): boolean {
  if (selector.kind === 'wildcard') return true
  return selector.kind === 'name' ? selector.name === child : selector.index === child
}

interface Found {
  readonly selectors: readonly Selector[]
  readonly end: number
}

function shorthand(text: string, at: number): Found {
  const found = matchAt(SHORTHAND, text, at)
  if (found === undefined) throw wrong(text, `has no name at character ${at + 1}`)
  const [name] = found
  const selector: Selector = name === '*' ? { kind: 'wildcard' } : { kind: 'name', name }
  return { selectors: [selector], end: at + name.length }
}

function bracketed(text: string, at: number): Found {
  const found = matchAt(BRACKETED, text, at)
  const { list } = found?.groups ?? {}
  if (found === undefined || list === undefined)
    throw wrong(text, `has no ] for character ${at + 1}`)
  const selectors: Selector[] = []
  for (let place = 0; place < list.length || selectors.length === 0; ) {
    const item = matchAt(ITEM, list, place)
    if (item === undefined) {
      throw wrong(text, 'selects by something else than names, indices and *')
    }
    selectors.push(selectorOf(text, item.groups ?? {}))
    place += item[0].length
  }
  return { selectors, end: at + found[0].length }
}

function selectorOf(text: string, groups: Record<string, string | undefined>): Selector {
  const { wildcard, index, quoted } = groups
  if (wildcard !== undefined) return { kind: 'wildcard' }
  if (index !== undefined) return { kind: 'index', index: Number(index) }
  return { kind: 'name', name: unquoted(text, quoted ?? '') }
}

function unquoted(text: string, quoted: string): string {
  const inside = quoted.slice(1, -1)
  const json = quoted.startsWith("'")
    ? inside.replaceAll("\\'", "'").replaceAll('"', '\\"')
    : inside
  try {
    return String(JSON.parse(`"${json}"`))
  } catch (cause) {
    throw wrong(text, `has the malformed name ${quoted}`, cause)
  }
}

function matchAt(pattern: RegExp, text: string, at: number): RegExpExecArray | undefined {
  pattern.lastIndex = at
  return pattern.exec(text) ?? undefined
}

function wrong(text: string, why: string, cause?: unknown): Error {
  return new Error(`${JSON.stringify(text)} ${why}`, cause === undefined ? undefined : { cause })
}
