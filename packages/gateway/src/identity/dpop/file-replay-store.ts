import type { SeenFile } from '../../platform/index.ts'
import type { ReplayStore, ReplayStoreOptions, Seen } from './replay-store.ts'

/** In a file: sees every process of the machine, and forgets with the machine. */
export class FileReplayStore implements ReplayStore {
  readonly #file: SeenFile
  readonly #keptUs: number
  /** Of earlier lives that the file knows nothing of. */
  readonly #unknownUntilUs: number

  constructor(
    file: SeenFile,
    { nowUs, windowMs, aheadMs }: Omit<ReplayStoreOptions, 'entriesMax'>,
  ) {
    this.#file = file
    this.#keptUs = (windowMs + aheadMs) * 1000
    this.#unknownUntilUs = file.remembers ? 0 : nowUs + aheadMs * 1000
  }

  get forgottenUntilUs(): number {
    return Math.max(this.#unknownUntilUs, this.#file.forgottenMark ?? 0)
  }

  add(key: string, { nowUs, issuedAtUs }: { nowUs: number; issuedAtUs: number }): Seen {
    return this.#file.add(key, { nowUs, untilUs: nowUs + this.#keptUs, mark: issuedAtUs })
  }

  close(): void {
    this.#file.close()
  }
}
