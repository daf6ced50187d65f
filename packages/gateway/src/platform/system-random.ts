import { randomFillSync } from 'node:crypto'
import type { Random } from './types.ts'

export function systemRandom(): Random {
  return { bytes: (count) => randomFillSync(new Uint8Array(count)) }
}
