/**
 * The statuses that a metric has a label for: those that are registered, and 0 for none. Any other
 * is the choice of an upstream, and through some of whoever asks it: a series for each would be
 * theirs to make.
 *
 * @see IANA, HTTP Status Code Registry
 */
const REGISTERED: ReadonlySet<number> = new Set([
  0, 100, 101, 102, 103, 104, 200, 201, 202, 203, 204, 205, 206, 207, 208, 226, 300, 301, 302, 303,
  304, 305, 307, 308, 400, 401, 402, 403, 404, 405, 406, 407, 408, 409, 410, 411, 412, 413, 414,
  415, 416, 417, 421, 422, 423, 424, 425, 426, 428, 429, 431, 451, 500, 501, 502, 503, 504, 505,
  506, 507, 508, 510, 511,
])
const CLASS = 100

/** The status itself where it is registered, else its first digit. */
export function foldStatus(status: number): number {
  return REGISTERED.has(status) ? status : Math.floor(status / CLASS)
}

/** Of what `foldStatus` gives: `503`, `5xx`. */
export function statusLabel(folded: number): string {
  return folded > 0 && folded < CLASS ? `${folded}xx` : String(folded)
}
