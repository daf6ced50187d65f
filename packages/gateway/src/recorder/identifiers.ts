import { makeUuid, UUID_RANDOM_BYTES } from '@countersign/evidence'
import type { Random } from '../platform/index.ts'

/** Identifiers made of one call for random bytes: the call costs more than the bytes. */
const IDENTIFIERS_A_DRAW = 512

/** Makes UUIDv7s. */
export class Identifiers {
  readonly #random: Random
  #pool: Uint8Array = new Uint8Array(0)
  #at = 0

  constructor({ random }: { readonly random: Random }) {
    this.#random = random
  }

  /** In memory of its own, or in `uuid`, 16 bytes that are used again. */
  next(atUs: number, uuid?: Uint8Array): Uint8Array {
    if (this.#at >= this.#pool.length) {
      this.#pool = this.#random.bytes(IDENTIFIERS_A_DRAW * UUID_RANDOM_BYTES)
      this.#at = 0
    }
    const from = this.#at
    this.#at += UUID_RANDOM_BYTES
    return makeUuid(atUs, this.#pool, from, uuid)
  }
}
