import { SECTION_BYTES_MAX } from '@countersign/evidence'
import { Views } from '../platform/index.ts'
import { copyBytes } from './byte-stream.ts'
import type { Blobs } from './table.ts'

/** Puts sections that stand as they are behind a head, in memory that the next one uses again. */
export class WholeWriter {
  readonly #head: Uint8Array
  readonly #memory: Uint8Array
  readonly #views: Views

  constructor(head: Uint8Array) {
    this.#head = head
    this.#memory = new Uint8Array(head.length + SECTION_BYTES_MAX)
    this.#memory.set(head)
    this.#views = new Views(this.#memory)
  }

  /** Until the next; the head is the caller's to fill. Undefined: it is too large for a section. */
  write({ memory, starts, ends }: Blobs, place: number): Uint8Array | undefined {
    const [start, end] = [starts[place] ?? 0, ends[place] ?? 0]
    if (end - start > SECTION_BYTES_MAX) return undefined
    copyBytes.call(memory, this.#memory, this.#head.length, start, end)
    return this.#views.upTo(this.#head.length + end - start)
  }
}
