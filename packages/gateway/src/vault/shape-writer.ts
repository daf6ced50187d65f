import type { Piece } from './template-renderer.ts'

/** Views that are kept: few lengths make nearly all of a shape's rows. */
const VIEWS_MAX = 8

/**
 * Writes rows of one shape behind a head, into memory that nobody else writes to: what stands where
 * it stood in the row before is not written again.
 */
export class ShapeWriter {
  readonly #pieces: readonly Piece[]
  readonly #headBytes: number
  readonly #memory: Uint8Array
  /** Where each piece that is the same in every row was last written. */
  readonly #starts: Int32Array
  readonly #views: Uint8Array[] = []
  #next = 0

  constructor(
    { pieces, bytesMax }: { readonly pieces: readonly Piece[]; readonly bytesMax: number },
    head: Uint8Array,
  ) {
    this.#pieces = pieces
    this.#headBytes = head.length
    this.#memory = new Uint8Array(head.length + bytesMax)
    this.#memory.set(head)
    this.#starts = new Int32Array(pieces.length)
  }

  /** The head, a row behind it; until the next one is written. The head is the caller's to fill. */
  write(row: number): Uint8Array {
    const [pieces, memory, starts] = [this.#pieces, this.#memory, this.#starts]
    let at = this.#headBytes
    for (let nth = 0; nth < pieces.length; nth++) {
      const piece = pieces[nth] as Piece
      if (piece.isFixed && starts[nth] === at) {
        at += piece.bytesEach ?? 0
        continue
      }
      starts[nth] = at
      at = piece.write(memory, at, row)
    }
    return this.#view(at)
  }

  #view(length: number): Uint8Array {
    const views = this.#views
    for (let nth = 0; nth < views.length; nth++) {
      const view = views[nth]
      if (view?.length === length) return view
    }
    const view = this.#memory.subarray(0, length)
    views[this.#next] = view
    this.#next = (this.#next + 1) % VIEWS_MAX
    return view
  }
}
