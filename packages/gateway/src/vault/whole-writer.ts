import { SECTION_BYTES_MAX } from '@countersign/evidence'
import { copyBytes } from './byte-stream.ts'
import type { Blobs } from './table.ts'

/** Views that are kept, by length: nearly all sections are shorter. */
const VIEWS_MAX = 2_048

/** Puts sections that stand as they are behind a head, in memory that the next one uses again. */
export class WholeWriter {
  readonly #head: Uint8Array
  readonly #memory: Uint8Array
  readonly #views: (Uint8Array | undefined)[] = Array.from({ length: VIEWS_MAX })

  constructor(head: Uint8Array) {
    this.#head = head
    this.#memory = new Uint8Array(head.length + SECTION_BYTES_MAX)
    this.#memory.set(head)
  }

  /** Until the next; the head is the caller's to fill. Undefined: it is too large for a section. */
  write({ memory, starts, ends }: Blobs, place: number): Uint8Array | undefined {
    const [start, end] = [starts[place] ?? 0, ends[place] ?? 0]
    if (end - start > SECTION_BYTES_MAX) return undefined
    copyBytes.call(memory, this.#memory, this.#head.length, start, end)
    return this.#view(end - start)
  }

  #view(length: number): Uint8Array {
    const view = this.#views[length] ?? this.#memory.subarray(0, this.#head.length + length)
    if (length < VIEWS_MAX) this.#views[length] = view
    return view
  }
}
