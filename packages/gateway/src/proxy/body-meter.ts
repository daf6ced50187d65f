import { createHash } from 'node:crypto'
import type { BodyFacts } from '@countersign/evidence'

const EMPTY_SHA256 = createHash('sha256').digest('hex')

/** Counts and digests bytes as they pass. */
export class BodyMeter {
  #bytes = 0
  #hash: ReturnType<typeof createHash> | undefined

  get bytes(): number {
    return this.#bytes
  }

  add(chunk: Uint8Array): void {
    if (chunk.length === 0) return
    this.#hash ??= createHash('sha256')
    this.#hash.update(chunk)
    this.#bytes += chunk.length
  }

  /** Of what has passed so far; more may follow. */
  facts(): BodyFacts {
    const sha256 = this.#hash === undefined ? EMPTY_SHA256 : this.#hash.copy().digest('hex')
    return { bytes: this.#bytes, sha256 }
  }
}
