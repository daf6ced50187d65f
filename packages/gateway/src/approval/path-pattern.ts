/** Matches one segment, whatever it is; a parameter of a route's pattern is the same. */
const ANY_SEGMENT = /^(\*|\{[^{}/]+\})$/
/** As the last segment: whatever follows, and nothing. */
const ANY_REST = '**'
export const PATTERN_FORM = /^\/[^?#\p{Cc}]*$/u

/** Says whether the pattern matches a canonical path. */
export function matchesPath(pattern: string, path: string): boolean {
  return isCovered(pattern.split('/'), path.split('/'), () => false)
}

/** Says whether every path that `narrow` matches is matched by `wide` too. */
export function coversPattern(wide: string, narrow: string): boolean {
  return isCovered(wide.split('/'), narrow.split('/'), (segment) => ANY_SEGMENT.test(segment))
}

/** A pattern has `**` nowhere but at its end. */
export function isPattern(text: string): boolean {
  return PATTERN_FORM.test(text) && !text.split('/').slice(0, -1).includes(ANY_REST)
}

/** Says whether a path, read as a pattern, would match more than itself. */
export function hasWildcard(path: string): boolean {
  return path.split('/').some((segment) => segment === ANY_REST || ANY_SEGMENT.test(segment))
}

function isCovered(
  wide: readonly string[],
  narrow: readonly string[],
  isAny: (segment: string) => boolean,
): boolean {
  for (const [at, segment] of wide.entries()) {
    if (segment === ANY_REST && at === wide.length - 1) return true
    const other = narrow[at]
    if (other === undefined || other === ANY_REST) return false
    const isWild = ANY_SEGMENT.test(segment)
    // A wildcard stands for a segment with something in it.
    if (isWild ? other === '' : other !== segment || isAny(other) !== isAny(segment)) return false
  }
  return wide.length === narrow.length
}
