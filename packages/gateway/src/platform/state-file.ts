import { diskErrorCode } from './disk-error.ts'
import type { Disk } from './types.ts'
import { writeFileDurably } from './write-file.ts'

export interface StateFileOptions {
  readonly disk: Disk
  readonly path: string
  /** More than this is not read back. */
  readonly bytesMax: number
  /** What is to be on the disk: the whole of it, as it is when a write begins. */
  readonly current: () => string
}

/**
 * A small piece of state in a file of its own: whole in its old form or whole in its new one,
 * whatever crash comes between. Saves that come while one is written share the next.
 */
export class StateFile {
  readonly #options: StateFileOptions
  #running: Promise<void> | undefined
  #next: Promise<void> | undefined

  constructor(options: StateFileOptions) {
    this.#options = options
  }

  /** What was saved last; undefined where nothing ever was. */
  async load(): Promise<string | undefined> {
    const { disk, path, bytesMax } = this.#options
    try {
      return new TextDecoder('utf-8', { fatal: true }).decode(await disk.read(path, bytesMax))
    } catch (error) {
      if (diskErrorCode(error) === 'DISK_NOT_FOUND') return undefined
      throw error
    }
  }

  /** Resolves when what `current` says at or after the call is durable. */
  save(): Promise<void> {
    if (this.#running === undefined) return this.#begin()
    this.#next ??= this.#running.then(
      () => this.#begin(),
      () => this.#begin(),
    )
    return this.#next
  }

  #begin(): Promise<void> {
    this.#next = undefined
    const running = this.#write().finally(() => {
      if (this.#running === running) this.#running = undefined
    })
    this.#running = running
    return running
  }

  #write(): Promise<void> {
    const { disk, path, current } = this.#options
    const bytes = new TextEncoder().encode(current())
    return writeFileDurably(disk, path, bytes, { syncDirectory: true })
  }
}
