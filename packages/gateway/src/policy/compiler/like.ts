import type { PatternElem } from '@cedar-policy/cedar-wasm/nodejs'

/** Whether a text is of the form of the pattern, in which a wildcard stands for any text. */
export function compileLike(pattern: readonly PatternElem[]): (text: string) => boolean {
  const pieces = piecesOf(pattern)
  const [first = '', ...others] = pieces
  const last = others.pop()
  if (last === undefined) return (text) => text === first
  if (others.length === 0 && last === '') return (text) => text.startsWith(first)
  const lengthMin = pieces.reduce((sum, piece) => sum + piece.length, 0)
  return (text) => {
    if (text.length < lengthMin || !text.startsWith(first) || !text.endsWith(last)) return false
    // Each piece as early as it can be: that leaves the most for those after it.
    let at = first.length
    for (const piece of others) {
      const found = text.indexOf(piece, at)
      if (found === -1) return false
      at = found + piece.length
    }
    return at <= text.length - last.length
  }
}

/** The literal texts between the wildcards. */
function piecesOf(pattern: readonly PatternElem[]): readonly string[] {
  const pieces = ['']
  for (const element of pattern) {
    if (element === 'Wildcard') pieces.push('')
    else pieces.push((pieces.pop() ?? '') + element.Literal)
  }
  return pieces
}
