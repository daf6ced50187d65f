import { createHash, hash } from 'node:crypto'
import type { BodyFacts } from '@countersign/evidence'

const EMPTY_DIGEST = createHash('sha256').digest('hex')
const EMPTY: BodyFacts = { bytes: 0, sha256: EMPTY_DIGEST }
const NOTHING = new Uint8Array()
/** Of nearly all meters, and never written to. */
const NONE: Uint8Array[] = []

/** Counts and digests bytes as they pass. What comes in one piece is digested at one go. */
export class BodyMeter {
  /** Told of every chunk as well. */
  watch: ((chunk: Uint8Array) => void) | undefined
  #bytes = 0
  /** The first piece, while it is the only one. */
  #only: Uint8Array | undefined
  #hash: ReturnType<typeof createHash> | undefined
  #facts: BodyFacts | undefined = EMPTY
  /** Where the same bytes are counted before, and where after. */
  #before: BodyMeter | undefined
  #after: BodyMeter | undefined
  /** Counted here, and not yet after. */
  #waiting: Uint8Array[] = NONE

  get bytes(): number {
    return this.#bytes
  }

  /** `chunk` must not change afterwards. */
  add(chunk: Uint8Array): void {
    if (chunk.length === 0) return
    this.watch?.(chunk)
    if (this.#before !== undefined) this.#before.#passed(chunk)
    if (this.#after !== undefined) this.#waiting.push(chunk)
    else if (this.#bytes === 0 && this.#hash === undefined) this.#only = chunk
    else this.#hashOfFormer().update(chunk)
    this.#bytes += chunk.length
    this.#facts = undefined
  }

  /**
   * A meter of the same bytes further on: what it is given is what was added here, in order. It
   * digests for both. `held` is all that was added so far, in whatever pieces it is passed on.
   */
  further(held: readonly Uint8Array[]): BodyMeter {
    const after = new BodyMeter()
    after.#before = this
    this.#after = after
    this.#waiting = held.filter((piece) => piece.length > 0)
    this.#only = undefined
    this.#hash = undefined
    return after
  }

  /** Of what has passed so far; more may follow. */
  facts(): BodyFacts {
    this.#facts ??= { bytes: this.#bytes, sha256: this.#digest() }
    return this.#facts
  }

  #passed(chunk: Uint8Array): void {
    if (this.#waiting.shift() !== chunk) throw new Error('passed on is what was received, in order')
  }

  #digest(): string {
    return (this.#after ?? this).#digestWith(this.#waiting)
  }

  #digestWith(waiting: readonly Uint8Array[]): string {
    if (waiting.length === 0 && this.#hash === undefined) {
      return this.#only === undefined ? EMPTY_DIGEST : hash('sha256', this.#only, 'hex')
    }
    const all = this.#hashOfFormer().copy()
    for (const chunk of waiting) all.update(chunk)
    return all.digest('hex')
  }

  #hashOfFormer(): ReturnType<typeof createHash> {
    this.#hash ??= createHash('sha256').update(this.#only ?? NOTHING)
    this.#only = undefined
    return this.#hash
  }
}
