import { createHash, timingSafeEqual } from 'node:crypto'
import type { BodyDigest } from '../identity/index.ts'

/** Says at the end of a body whether it is the one whose digest was signed. */
export class BodyCheck {
  readonly #wanted: Uint8Array
  readonly #hash: ReturnType<typeof createHash>

  constructor({ algorithm, digest }: BodyDigest) {
    this.#wanted = digest
    this.#hash = createHash(algorithm === 'sha-256' ? 'sha256' : 'sha512')
  }

  add(chunk: Uint8Array): void {
    this.#hash.update(chunk)
  }

  /** Asked once, after the last byte. */
  holds(): boolean {
    const found = this.#hash.digest()
    return found.length === this.#wanted.length && timingSafeEqual(found, this.#wanted)
  }
}
