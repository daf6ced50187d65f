import type { Reason } from '@countersign/evidence'

/** The one spelling of a target that is judged, recorded and forwarded. */
export interface Target {
  readonly path: string
  /** As received, without its `?`; undefined where there is none. */
  readonly query: string | undefined
}

export type Reading<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly reason: Reason }

/** Of most paths: segments that nobody takes for anything else, and of queries what is plain. */
const PLAIN_PATH = /^(?:\/[A-Za-z0-9_~-][A-Za-z0-9\-._~]*)+\/?$/
const PLAIN_QUERY = /^[!"$&-[\]-~]*$/
const PATH_CHARACTERS = /^[A-Za-z0-9\-._~!$&'()*+,=:@/%]*$/
const QUERY_CHARACTERS = /^[!-~]*$/
const BROKEN_ESCAPE = /%(?![0-9A-Fa-f]{2})/
// Control characters, `/` and `\`: bytes that some readers act on and others keep.
const TREACHEROUS_ESCAPE = /%(?:[01][0-9A-Fa-f]|7[Ff]|2[Ff]|5[Cc])/
const DOT_SEGMENT = /(?:^|\/)\.{1,2}(?:\/|$)/
const ESCAPE = /%([0-9A-Fa-f]{2})/g
const UNRESERVED = /^[A-Za-z0-9\-._~]$/

/**
 * Reads a path that begins with a slash, and its query.
 *
 * Prevents that a path is judged as one resource and served as another. Escapes of plain
 * characters are decoded, once; everything else that two readers could take differently is
 * refused, not repaired: dot and empty segments, encoded slashes, backslashes, path parameters,
 * control characters, bytes that are not UTF-8. What comes back is what must go on.
 */
export function readTarget(target: string): Reading<Target> {
  const mark = target.indexOf('?')
  const raw = mark === -1 ? target : target.slice(0, mark)
  const query = mark === -1 ? undefined : target.slice(mark + 1)
  if (PLAIN_PATH.test(raw) && (query === undefined || PLAIN_QUERY.test(query))) {
    return { ok: true, value: { path: raw, query } }
  }
  if (!raw.startsWith('/') || target.includes('#')) return refused('malformed-target')
  if (query !== undefined && (!QUERY_CHARACTERS.test(query) || query.includes('\\'))) {
    return refused('malformed-target')
  }
  const hasEscapes = target.includes('%')
  if (hasEscapes && BROKEN_ESCAPE.test(target)) return refused('malformed-target')
  if (!PATH_CHARACTERS.test(raw)) return refused('ambiguous-path')
  if (hasEscapes && (TREACHEROUS_ESCAPE.test(raw) || !isUtf8(raw))) return refused('ambiguous-path')
  const path = hasEscapes ? raw.replace(ESCAPE, canonicalEscape) : raw
  if (path.includes('//') || DOT_SEGMENT.test(path)) return refused('ambiguous-path')
  return { ok: true, value: { path, query } }
}

function canonicalEscape(escaped: string, hex: string): string {
  const character = String.fromCharCode(Number.parseInt(hex, 16))
  return UNRESERVED.test(character) ? character : escaped.toUpperCase()
}

function isUtf8(escaped: string): boolean {
  try {
    decodeURIComponent(escaped)
    return true
  } catch {
    return false
  }
}

function refused(reason: Reason): { readonly ok: false; readonly reason: Reason } {
  return { ok: false, reason }
}
