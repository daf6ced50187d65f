import type { ClockState } from '@countersign/evidence'
import type { Clock } from '../platform/index.ts'

/** How far the wall clock may run ahead of the monotonic one between two records unflagged. */
export const CLOCK_LEAP_MS_MAX = 2_000

/** When a record was made, as its `when` will say it. */
export interface Stamp {
  readonly atUs: number
  readonly ticksMs: number
  readonly clock: ClockState | undefined
  /** How many leaps came before it. */
  readonly leaps: number
}

/**
 * Reads the clock for records. It believes the wall clock, and says where it is not smooth: on
 * every record until one that says so is durable, for the first may never be written.
 */
export class RecordClock {
  readonly #clock: Clock
  #last: Stamp | undefined
  // The highest time given, not the last, for the same reason.
  #highestUs = 0
  #durable: Stamp | undefined
  #isUnknown = true
  #isAhead = false
  #leaps = 0

  constructor({ clock }: { readonly clock: Clock }) {
    this.#clock = clock
  }

  nowUs(): number {
    return this.#clock.nowUs()
  }

  next(): Stamp {
    const atUs = this.#clock.nowUs()
    const ticksMs = this.#clock.ticksMs()
    const clock = this.#stateAt(atUs, ticksMs)
    this.#last = { atUs, ticksMs, clock, leaps: this.#leaps }
    this.#highestUs = Math.max(this.#highestUs, atUs)
    return this.#last
  }

  /** Of the newest durable record: the process may have stood still since it was made. */
  get durable(): Stamp | undefined {
    return this.#durable
  }

  /** The record with this stamp is durable. */
  told(stamp: Stamp): void {
    const { clock, leaps } = stamp
    this.#durable = stamp
    if (clock === 'unknown') this.#isUnknown = false
    // One that has leapt again since is told of by a later record, which may never be written.
    if (clock === 'ahead' && leaps === this.#leaps) this.#isAhead = false
  }

  #stateAt(atUs: number, ticksMs: number): ClockState | undefined {
    if (this.#last !== undefined) {
      const leapMs = (atUs - this.#last.atUs) / 1000 - (ticksMs - this.#last.ticksMs)
      if (leapMs > CLOCK_LEAP_MS_MAX) {
        this.#isAhead = true
        this.#leaps += 1
      }
    }
    if (this.#isUnknown) return 'unknown'
    if (atUs < this.#highestUs) return 'behind'
    return this.#isAhead ? 'ahead' : undefined
  }
}
