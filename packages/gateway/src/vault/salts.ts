import { hash } from 'node:crypto'
import { SALT_BYTES } from '@countersign/evidence'
import { writeLatin1 } from '../platform/index.ts'
import { utf8 } from './bytes.ts'
import { SALT_INFO } from './key-ring.ts'

const SALT_KEY_BYTES = 32
const RECORD_ID_BYTES = 16
const SALT_DIGEST_BYTES = 64
const AS_LATIN1 = { outputEncoding: 'latin1', outputLength: SALT_DIGEST_BYTES } as const
/** More than a record has sections. */
const SALTS_MAX = 12
const SALT_WORDS = SALT_BYTES / 4

/** Salts of one record under one key, in memory that the next record uses again. */
export class SaltCutter {
  readonly #input = new Uint8Array(
    utf8(SALT_INFO).length + 1 + SALT_KEY_BYTES + RECORD_ID_BYTES + 1,
  )
  readonly #keyAt = utf8(SALT_INFO).length + 1
  readonly #bytes = new Uint8Array(SALTS_MAX * SALT_BYTES)
  readonly #words = new Int32Array(this.#bytes.buffer)
  readonly #salts = Array.from({ length: SALTS_MAX }, (_, nth) =>
    this.#bytes.subarray(nth * SALT_BYTES, (nth + 1) * SALT_BYTES),
  )

  #saltKey: Uint8Array | undefined

  constructor() {
    this.#input.set(utf8(SALT_INFO))
  }

  /** Cuts `count` salts; the record's id stands in `ids` at `idAt`. */
  cut(saltKey: Uint8Array, ids: Uint8Array, idAt: number, count: number): void {
    const input = this.#input
    // Mostly the one before: a record's first key is the ledger's.
    if (saltKey !== this.#saltKey) input.set(saltKey, this.#keyAt)
    this.#saltKey = saltKey
    const start = this.#keyAt + SALT_KEY_BYTES
    for (let at = 0; at < RECORD_ID_BYTES; at++) input[start + at] = ids[idAt + at] ?? 0
    const wanted = Math.min(count, SALTS_MAX) * SALT_BYTES
    for (let from = 0, n = 0; from < wanted; from += SALT_DIGEST_BYTES, n++) {
      input[start + RECORD_ID_BYTES] = n
      // Over a latin1 string: a Buffer result costs twice the hash.
      const digest = hash('sha512', input, AS_LATIN1)
      writeLatin1(this.#bytes, from, digest, SALT_DIGEST_BYTES)
    }
  }

  /** Copies what `at` returns to `into`, at a word of it. */
  copyTo(nth: number, into: Int32Array, word: number): void {
    if (nth >= SALTS_MAX) throw new RangeError(`no salt ${nth}`)
    const from = SALT_WORDS * nth
    for (let at = 0; at < SALT_WORDS; at++) into[word + at] = this.#words[from + at] ?? 0
  }

  /** By place among the sections under the key. */
  at(nth: number): Uint8Array {
    const salt = this.#salts[nth]
    if (salt === undefined) throw new RangeError(`no salt ${nth}`)
    return salt
  }
}
