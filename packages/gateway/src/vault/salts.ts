import { hash } from 'node:crypto'
import { SALT_BYTES } from '@countersign/evidence'
import { writeLatin1 } from '../platform/index.ts'
import { utf8 } from './bytes.ts'
import { SALT_INFO } from './key-ring.ts'

const SALT_KEY_BYTES = 32
const RECORD_ID_BYTES = 16
const SALT_DIGEST_BYTES = 64
const AS_LATIN1 = { outputEncoding: 'latin1', outputLength: SALT_DIGEST_BYTES } as const
const SALTS_A_DIGEST = SALT_DIGEST_BYTES / SALT_BYTES
/** More than a record has sections. */
const SALTS_MAX = 12
const KEY_AT = utf8(SALT_INFO).length + 1
const ID_AT = KEY_AT + SALT_KEY_BYTES
const SALT_WORDS = SALT_BYTES / 4

/** Salts of one record under one key, in memory that the next record uses again. */
export class SaltCutter {
  readonly #input = new Uint8Array(ID_AT + RECORD_ID_BYTES + 1)
  readonly #bytes = new Uint8Array(SALTS_MAX * SALT_BYTES)
  readonly #words = new Int32Array(this.#bytes.buffer)
  readonly #salts = Array.from({ length: SALTS_MAX }, (_, nth) =>
    this.#bytes.subarray(nth * SALT_BYTES, (nth + 1) * SALT_BYTES),
  )
  #saltKey: Uint8Array | undefined
  /** How many are cut: four at a time, when the first of them is asked for. */
  #cut = 0

  constructor() {
    this.#input.set(utf8(SALT_INFO))
  }

  /** Begins with the record whose id stands in `ids` at `idAt`. */
  begin(saltKey: Uint8Array, ids: Uint8Array, idAt: number): void {
    const input = this.#input
    // Mostly the one before: many records have sections under the ledger's key.
    if (saltKey !== this.#saltKey) {
      for (let at = 0; at < SALT_KEY_BYTES; at++) input[KEY_AT + at] = saltKey[at] ?? 0
      this.#saltKey = saltKey
    }
    for (let at = 0; at < RECORD_ID_BYTES; at++) input[ID_AT + at] = ids[idAt + at] ?? 0
    this.#cut = 0
  }

  /** Copies what `at` returns to `into`, at a word of it. */
  copyTo(nth: number, into: Int32Array, word: number): void {
    this.#cutUpTo(nth)
    const from = SALT_WORDS * nth
    for (let at = 0; at < SALT_WORDS; at++) into[word + at] = this.#words[from + at] ?? 0
  }

  /** By place among the sections under the key. */
  at(nth: number): Uint8Array {
    this.#cutUpTo(nth)
    return this.#salts[nth] as Uint8Array
  }

  #cutUpTo(nth: number): void {
    if (nth >= SALTS_MAX) throw new RangeError(`no salt ${nth}`)
    while (nth >= this.#cut) {
      this.#input[ID_AT + RECORD_ID_BYTES] = this.#cut / SALTS_A_DIGEST
      // Over a latin1 string: a Buffer result costs twice the hash.
      const digest = hash('sha512', this.#input, AS_LATIN1)
      writeLatin1(this.#bytes, this.#cut * SALT_BYTES, digest, SALT_DIGEST_BYTES)
      this.#cut += SALTS_A_DIGEST
    }
  }
}
