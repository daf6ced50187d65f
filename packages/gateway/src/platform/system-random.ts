import { randomFillSync } from 'node:crypto'
import type { Random } from './types.ts'

/** What one call of the system's generator draws: the call costs more than the bytes. */
const POOL_BYTES = 8_192
/** More than this is drawn on its own. */
const POOLED_BYTES_MAX = 64

export function systemRandom(): Random {
  const pool = new Uint8Array(POOL_BYTES)
  let at = POOL_BYTES
  return {
    bytes(count) {
      if (count > POOLED_BYTES_MAX) return randomFillSync(new Uint8Array(count))
      if (at + count > POOL_BYTES) {
        randomFillSync(pool)
        at = 0
      }
      const bytes = pool.slice(at, at + count)
      // Some become keys, which nobody should find here again.
      pool.fill(0, at, at + count)
      at += count
      return bytes
    },
  }
}
