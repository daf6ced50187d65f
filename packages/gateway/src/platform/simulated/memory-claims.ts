import { posix } from 'node:path'
import { DiskError } from '../disk-error.ts'
import type { Claim, Ownership } from '../types.ts'

/** Claims on directories of one simulated machine; a crash of it is `releaseAll`. */
export class MemoryClaims {
  readonly #held = new Map<string, symbol>()

  readonly claim: Claim = async (directory): Promise<Ownership> => {
    const path = posix.resolve('/', directory)
    if (this.#held.has(path)) {
      const why = 'directory is in use by another running process, which holds'
      throw new DiskError('DISK_OWNED', path, why)
    }
    const mine = Symbol(path)
    this.#held.set(path, mine)
    return {
      release: async () => {
        if (this.#held.get(path) === mine) this.#held.delete(path)
      },
    }
  }

  releaseAll(): void {
    this.#held.clear()
  }
}
