import { formatTime } from '@countersign/evidence'
import type { RecordWriter } from './record-writer.ts'

/** Sees to it that no span of time goes by of which no record tells. */
export class Silence {
  readonly #silentUsMax: number
  #lastUs: number | undefined
  #unrecorded = 0
  #owed = false
  #inFlight = false

  constructor({ heartbeatMs }: { readonly heartbeatMs: number }) {
    this.#silentUsMax = 2 * heartbeatMs * 1000
  }

  /** Something could not be recorded, and no record tells of it yet. */
  get owed(): boolean {
    return this.#owed
  }

  /** A record is durable. */
  broken(atUs: number): void {
    this.#lastUs = atUs
  }

  /** The ledger did not take a record; `requests` were turned away for it. */
  missed({ requests }: { readonly requests: 0 | 1 }): void {
    this.#unrecorded += requests
    this.#owed = true
  }

  /** Says whether a `gap` record must come before any other. */
  isDue(nowUs: number): boolean {
    if (this.#lastUs === undefined || this.#inFlight) return false
    return this.#owed || nowUs - this.#lastUs > this.#silentUsMax
  }

  /**
   * Writes the `gap` record that `isDue` asks for: of requests that could not be recorded, or of a
   * process that did not run.
   */
  async explain(writer: RecordWriter, nowUs: number): Promise<void> {
    const counted = this.#unrecorded
    this.#inFlight = true
    try {
      const { atUs } = await writer.act('gap', {
        reason: this.#owed ? 'ledger-unavailable' : 'not-running',
        from: formatTime(this.#lastUs ?? nowUs),
        until: formatTime(nowUs),
        unrecorded: counted,
      })
      this.#unrecorded -= counted
      this.#owed = this.#unrecorded > 0
      this.broken(atUs)
    } finally {
      this.#inFlight = false
    }
  }
}
