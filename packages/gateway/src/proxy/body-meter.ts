import { createHash, hash } from 'node:crypto'
import type { BodyFacts } from '@countersign/evidence'

const EMPTY: BodyFacts = { bytes: 0, sha256: createHash('sha256').digest('hex') }

/** Counts and digests bytes as they pass. What comes in one piece is digested at one go. */
export class BodyMeter {
  /** Told of every chunk as well. */
  watch: ((chunk: Uint8Array) => void) | undefined
  #bytes = 0
  /** The first piece, while it is the only one. */
  #only: Uint8Array | undefined
  #hash: ReturnType<typeof createHash> | undefined
  #facts: BodyFacts | undefined = EMPTY

  get bytes(): number {
    return this.#bytes
  }

  /** `chunk` must not change afterwards. */
  add(chunk: Uint8Array): void {
    if (chunk.length === 0) return
    this.watch?.(chunk)
    if (this.#bytes === 0) this.#only = chunk
    else this.#hashOfFormer().update(chunk)
    this.#bytes += chunk.length
    this.#facts = undefined
  }

  /** Of what has passed so far; more may follow. */
  facts(): BodyFacts {
    this.#facts ??= { bytes: this.#bytes, sha256: this.#digest() }
    return this.#facts
  }

  #hashOfFormer(): ReturnType<typeof createHash> {
    this.#hash ??= createHash('sha256').update(this.#only ?? NOTHING)
    this.#only = undefined
    return this.#hash
  }

  #digest(): string {
    if (this.#only !== undefined) return hash('sha256', this.#only, 'hex')
    return this.#hashOfFormer().copy().digest('hex')
  }
}

const NOTHING = new Uint8Array()
