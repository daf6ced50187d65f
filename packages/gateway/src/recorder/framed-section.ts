import { SECTION_HEAD_BYTES, sectionHead } from '@countersign/evidence'
import { Views } from '../platform/index.ts'

/** Memory for a section's head and its JSON behind it, written again and again. */
export class FramedSection {
  readonly memory: Buffer
  /** The same by words, which is how salts are copied into the head. */
  readonly words: Int32Array
  readonly #framed: Views
  readonly #texts: Views

  /** @param textBytes  the longest JSON */
  constructor(textBytes: number) {
    // Memory of its own, so that words begin with it.
    this.memory = Buffer.allocUnsafeSlow(SECTION_HEAD_BYTES + textBytes)
    this.memory.write(sectionHead(1), 'latin1')
    const bytes = new Uint8Array(this.memory.buffer)
    this.#framed = new Views(bytes)
    this.#texts = new Views(bytes, SECTION_HEAD_BYTES)
    this.words = new Int32Array(this.memory.buffer, 0, SECTION_HEAD_BYTES / 4)
  }

  /** Head and JSON: what the digest is of. */
  framed(end: number): Uint8Array {
    return this.#framed.upTo(end)
  }

  /** The JSON alone. */
  text(end: number): Uint8Array {
    return this.#texts.upTo(end)
  }
}
