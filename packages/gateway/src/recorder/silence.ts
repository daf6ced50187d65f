import { formatTime, type GapFacts } from '@countersign/evidence'
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
  /** Of the newest `gap` record that is not durable yet. */
  #explainedMs = Number.NEGATIVE_INFINITY
  #inFlight = 0
  #unrecorded = 0
  /** How many of those are told by records in flight. */
  #beingTold = 0
  #owed = false

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
    if (this.#last === undefined) return false
    return (this.#owed && this.#inFlight === 0) || this.isTooLong(ticksMs)
  }

  /** Says whether more time went by than may without a record. */
  isTooLong(ticksMs: number): boolean {
    const lastMs = Math.max(this.#last?.ticksMs ?? ticksMs, this.#explainedMs)
    return ticksMs - lastMs > this.#silentMsMax
  }

  /**
   * Writes the `gap` record that `isDue` asks for: of requests that could not be recorded, or of a
   * process that did not run. What comes of it counts at once, before anything that was refused
   * with it is tried again: that must not come after a silence unexplained.
   */
  explain(writer: Pick<RecordWriter, 'begin'>, now: Moment): Promise<void> {
    const from = this.#last ?? now
    const counted = this.#unrecorded - this.#beingTold
    const value: GapFacts = {
      reason: this.#owed ? 'ledger-unavailable' : 'not-running',
      from: formatTime(from.atUs),
      until: formatTime(now.atUs),
      unrecorded: counted,
    }
    // A full disk takes the end of an exchange: that must not come after a silence unexplained.
    const isUrgent = this.isTooLong(now.ticksMs)
    this.#inFlight += 1
    this.#beingTold += counted
    this.#explainedMs = now.ticksMs
    return new Promise((resolve, reject) => {
      const failed = (error: unknown): void => {
        this.#settled(counted)
        reject(error)
      }
      const written = (): void => {
        this.#unrecorded -= counted
        this.#owed = this.#unrecorded > 0
        this.broken(now)
        this.#settled(counted)
        resolve()
      }
      try {
        const sections = [{ name: 'what', value }] as const
        writer.begin({ kind: 'gap', sections, isUrgent }, { written, failed })
      } catch (error) {
        failed(error)
      }
    })
  }

  #settled(counted: number): void {
    this.#beingTold -= counted
    this.#inFlight -= 1
    if (this.#inFlight === 0) this.#explainedMs = Number.NEGATIVE_INFINITY
  }
}
