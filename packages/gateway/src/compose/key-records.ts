import type { KeysReport } from '../identity/index.ts'
import type { Clock } from '../platform/index.ts'
import type { Recorder } from '../recorder/index.ts'

const RETRY_MS = 1000

export interface KeyRecordsOptions {
  readonly clock: Clock
  readonly recorder: Pick<Recorder, 'act'>
  readonly onRefused: (cause: unknown) => void
}

/** Writes down each API key that came or went, in order, until the ledger has taken it. */
export class KeyRecords {
  readonly #options: KeyRecordsOptions
  #queue: Promise<void> = Promise.resolve()
  #closed = false

  constructor(options: KeyRecordsOptions) {
    this.#options = options
  }

  take(report: KeysReport): void {
    if (report.kind === 'refused') {
      this.#options.onRefused(report.cause)
      return
    }
    for (const key of report.added) this.#enqueue('created', key)
    for (const key of report.removed) this.#enqueue('revoked', key)
  }

  /** What could not be written until now is given up: the process ends. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#queue
  }

  #enqueue(act: 'created' | 'revoked', key: string): void {
    this.#queue = this.#queue.then(() => this.#write(act, key))
  }

  async #write(act: 'created' | 'revoked', key: string): Promise<void> {
    const { clock, recorder, onRefused } = this.#options
    do {
      try {
        await recorder.act('key', { act, use: 'api', key })
        return
      } catch (cause) {
        onRefused(cause)
      }
      await new Promise<void>((resolve) => clock.after(RETRY_MS, resolve))
    } while (!this.#closed)
  }
}
