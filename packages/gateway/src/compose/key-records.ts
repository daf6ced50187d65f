import { type ActFacts, formatTime } from '@countersign/evidence'
import type { KeyChange } from '../identity/index.ts'
import type { Clock } from '../platform/index.ts'
import type { Recorder } from '../recorder/index.ts'

const RETRY_MS = 1000

export interface KeyRecordsOptions {
  readonly clock: Clock
  readonly recorder: Pick<Recorder, 'act'>
  readonly onRefused: (cause: unknown) => void
}

/** Writes down each change of a credential, in order, until the ledger has taken it. */
export class KeyRecords {
  readonly #options: KeyRecordsOptions
  #queue: Promise<void> = Promise.resolve()
  #closed = false

  constructor(options: KeyRecordsOptions) {
    this.#options = options
  }

  take(facts: ActFacts['key']): void {
    this.#queue = this.#queue.then(() => this.#write(facts))
  }

  /** Does something when everything until now is on record. */
  afterwards(work: () => Promise<void>): void {
    this.#queue = this.#queue.then(work).catch(this.#options.onRefused)
  }

  /** What could not be written until now is given up: the process ends. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#queue
  }

  async #write(facts: ActFacts['key']): Promise<void> {
    const { clock, recorder, onRefused } = this.#options
    do {
      try {
        await recorder.act('key', facts)
        return
      } catch (cause) {
        onRefused(cause)
      }
      await new Promise<void>((resolve) => clock.after(RETRY_MS, resolve))
    } while (!this.#closed)
  }
}

/** The record of a change of an API key. */
export function apiKeyFacts({ act, prefix, expiresAtUs }: KeyChange): ActFacts['key'] {
  const expires = expiresAtUs === undefined ? {} : { expires: formatTime(expiresAtUs) }
  return { act, use: 'api', key: prefix, ...(act === 'revoked' ? {} : expires) }
}
