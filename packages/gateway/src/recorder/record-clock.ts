import { type ClockState, formatTime } from '@countersign/evidence'
import type { Clock } from '../platform/index.ts'

/** How far the wall clock may run ahead of the monotonic one between two records unflagged. */
export const CLOCK_LEAP_MS_MAX = 2_000

/** When a record was made, as its `when` will say it. */
export interface Stamp {
  readonly atUs: number
  readonly ticksMs: number
  readonly at: string
  readonly clock: ClockState | undefined
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
    this.#last = { atUs, ticksMs, at: formatTime(atUs), clock }
    this.#highestUs = Math.max(this.#highestUs, atUs)
    return this.#last
  }

  /** Of the newest durable record: the process may have stood still since it was made. */
  get durable(): Stamp | undefined {
    return this.#durable
  }

  /** The record with this stamp is durable. */
  told(stamp: Stamp): void {
    const { clock } = stamp
    this.#durable = stamp
    if (clock === 'unknown') this.#isUnknown = false
    if (clock === 'ahead') this.#isAhead = false
  }

  #stateAt(atUs: number, ticksMs: number): ClockState | undefined {
    if (this.#last !== undefined) {
      const leapMs = (atUs - this.#last.atUs) / 1000 - (ticksMs - this.#last.ticksMs)
      if (leapMs > CLOCK_LEAP_MS_MAX) this.#isAhead = true
    }
    if (this.#isUnknown) return 'unknown'
    if (atUs < this.#highestUs) return 'behind'
    return this.#isAhead ? 'ahead' : undefined
  }
}
