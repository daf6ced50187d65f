import type { TextPiece } from './act-types.ts'
import { SECTION_BYTES_MAX } from './leaf.ts'

/** Room for the other members of the facts beside their texts. */
const OTHER_BYTES_MAX = 12_288
const RECORD_BYTES_MAX = SECTION_BYTES_MAX - OTHER_BYTES_MAX
/** A UTF-16 unit takes at most six bytes in JSON: a piece of this length always fits. */
const PIECE_LENGTH_MAX = 8_192
/** A hundred pieces of files with long names still fit. */
const PIECES_MAX = 100

const utf8 = new TextEncoder()

/** Cuts texts into groups that fit into one record each, in order; there is at least one. */
export function cutTexts(texts: readonly TextPiece[]): readonly (readonly TextPiece[])[] {
  const groups: TextPiece[][] = [[]]
  let bytes = 0
  for (const piece of texts.flatMap(slices)) {
    const size = utf8.encode(JSON.stringify(piece)).length + 1
    let group = groups.at(-1)
    if (group === undefined || bytes + size > RECORD_BYTES_MAX || group.length >= PIECES_MAX) {
      group = []
      groups.push(group)
      bytes = 0
    }
    group.push(piece)
    bytes += size
  }
  return groups
}

/** The whole texts again, in the order of their first pieces. */
export function joinTexts(pieces: readonly TextPiece[]): readonly TextPiece[] {
  const parts = new Map<string, string[]>()
  for (const { name, text } of pieces) {
    const known = parts.get(name)
    if (known === undefined) parts.set(name, [text])
    else known.push(text)
  }
  return [...parts].map(([name, texts]) => ({ name, text: texts.join('') }))
}

/** A pair of surrogates is never cut: half of one is no text. */
function slices({ name, text }: TextPiece): readonly TextPiece[] {
  const found: TextPiece[] = []
  let from = 0
  do {
    const most = Math.min(text.length, from + PIECE_LENGTH_MAX)
    const to = most < text.length && isHighSurrogate(text, most - 1) ? most - 1 : most
    found.push({ name, text: text.slice(from, to) })
    from = to
  } while (from < text.length)
  return found
}

function isHighSurrogate(text: string, at: number): boolean {
  const unit = text.charCodeAt(at)
  return unit >= 0xd800 && unit <= 0xdbff
}
