import { formatTime } from '@countersign/evidence'
import type { RecordWriter } from './record-writer.ts'

/** By the wall clock, which records tell, and by the one that cannot be set. */
export interface Moment {
  readonly atUs: number
  readonly ticksMs: number
}

/** Sees to it that no span of time goes by of which no record tells. */
export class Silence {
  readonly #silentMsMax: number
  #last: Moment | undefined
  #unrecorded = 0
  #owed = false
  #inFlight = false

  constructor({ heartbeatMs }: { readonly heartbeatMs: number }) {
    this.#silentMsMax = 2 * heartbeatMs
  }

  /** Something could not be recorded, and no record tells of it yet. */
  get owed(): boolean {
    return this.#owed
  }

  /** A record is durable. */
  broken(last: Moment): void {
    this.#last = last
  }

  /** The ledger did not take a record; `requests` were turned away for it. */
  missed({ requests }: { readonly requests: 0 | 1 }): void {
    this.#unrecorded += requests
    this.#owed = true
  }

  /** Says whether a `gap` record must come before any other. */
  isDue(ticksMs: number): boolean {
    if (this.#last === undefined || this.#inFlight) return false
    return this.#owed || ticksMs - this.#last.ticksMs > this.#silentMsMax
  }

  /**
   * Writes the `gap` record that `isDue` asks for: of requests that could not be recorded, or of a
   * process that did not run.
   */
  async explain(writer: RecordWriter, now: Moment): Promise<void> {
    const from = this.#last ?? now
    const counted = this.#unrecorded
    this.#inFlight = true
    try {
      await writer.act('gap', {
        reason: this.#owed ? 'ledger-unavailable' : 'not-running',
        from: formatTime(from.atUs),
        until: formatTime(now.atUs),
        unrecorded: counted,
      })
      this.#unrecorded -= counted
      this.#owed = this.#unrecorded > 0
      this.broken(now)
    } finally {
      this.#inFlight = false
    }
  }
}
