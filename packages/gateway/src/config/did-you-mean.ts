/** The known name that `name` was probably meant to be; undefined when none is near. */
export function didYouMean(name: string, known: readonly string[]): string | undefined {
  let best: { readonly distance: number; readonly candidate: string } | undefined
  for (const candidate of known) {
    const most = Math.max(1, Math.floor(candidate.length / 3))
    if (Math.abs(name.length - candidate.length) > most) continue
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase())
    if (distance > most) continue
    if (best === undefined || distance < best.distance) best = { distance, candidate }
  }
  return best?.candidate
}

/** Fewest insertions, deletions, replacements and swaps of neighbours from one to the other. */
function editDistance(from: string, to: string): number {
  let before: readonly number[] = []
  let above = Array.from({ length: to.length + 1 }, (_, index) => index)
  for (let row = 1; row <= from.length; row += 1) {
    const here = [row]
    for (let column = 1; column <= to.length; column += 1) {
      const same = from[row - 1] === to[column - 1]
      const swapped = from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1]
      here.push(
        Math.min(
          (above[column] ?? 0) + 1,
          (here[column - 1] ?? 0) + 1,
          (above[column - 1] ?? 0) + (same ? 0 : 1),
          swapped ? (before[column - 2] ?? Number.POSITIVE_INFINITY) + 1 : Number.POSITIVE_INFINITY,
        ),
      )
    }
    before = above
    above = here
  }
  return above[to.length] ?? 0
}
