import type { SeenFile } from '../../platform/index.ts'
import type { ReplayStore, ReplayStoreOptions, Seen } from './replay-store.ts'

/** In a file: sees every process of the machine, and forgets with the machine. */
export class FileReplayStore implements ReplayStore {
  readonly #file: SeenFile
  readonly #keptUs: number

  constructor(
    file: SeenFile,
    { windowMs, aheadMs }: Pick<ReplayStoreOptions, 'windowMs' | 'aheadMs'>,
  ) {
    this.#file = file
    this.#keptUs = (windowMs + aheadMs) * 1000
  }

  get forgottenUntilUs(): number {
    return this.#file.forgottenMark ?? 0
  }

  add(key: string, { nowUs, issuedAtUs }: { nowUs: number; issuedAtUs: number }): Seen {
    return this.#file.add(key, { nowUs, untilUs: nowUs + this.#keptUs, mark: issuedAtUs })
  }

  close(): void {
    this.#file.close()
  }
}
