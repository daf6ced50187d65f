import { SECTION_HEAD_BYTES, sectionHead } from '@countersign/evidence'

/** Views that are kept, by length: nearly all sections are shorter. */
const VIEWS_MAX = 4_096

/** Memory for a section's head and its JSON behind it, written again and again. */
export class FramedSection {
  readonly memory: Buffer
  /** The same by words, which is how salts are copied into the head. */
  readonly words: Int32Array
  readonly #bytes: Uint8Array
  // As long as they may get: an array with large gaps is looked up as a map is.
  readonly #framed: (Uint8Array | undefined)[]
  readonly #texts: (Uint8Array | undefined)[]

  /** @param textBytes  the longest JSON */
  constructor(textBytes: number) {
    const bytes = SECTION_HEAD_BYTES + textBytes
    const views = { length: Math.min(bytes + 1, VIEWS_MAX) }
    this.#framed = Array.from(views, () => undefined)
    this.#texts = Array.from(views, () => undefined)
    // Memory of its own, so that words begin with it.
    this.memory = Buffer.allocUnsafeSlow(bytes)
    this.memory.write(sectionHead(1), 'latin1')
    this.#bytes = new Uint8Array(this.memory.buffer)
    this.words = new Int32Array(this.memory.buffer, 0, SECTION_HEAD_BYTES / 4)
  }

  /** Head and JSON: what the digest is of. */
  framed(end: number): Uint8Array {
    return this.#framed[end] ?? this.#view(this.#framed, 0, end)
  }

  /** The JSON alone. */
  text(end: number): Uint8Array {
    return this.#texts[end] ?? this.#view(this.#texts, SECTION_HEAD_BYTES, end)
  }

  #view(known: (Uint8Array | undefined)[], start: number, end: number): Uint8Array {
    const view = this.#bytes.subarray(start, end)
    if (end < VIEWS_MAX) known[end] = view
    return view
  }
}
