import { type ClockState, formatTime } from '@countersign/evidence'
import type { Clock } from '../platform/index.ts'

/** How far the wall clock may run ahead of the monotonic one between two records unflagged. */
export const CLOCK_LEAP_MS_MAX = 2_000

/** When a record was made, as its `when` will say it. */
export interface Stamp {
  readonly atUs: number
  readonly at: string
  readonly clock: ClockState | undefined
}

/** Reads the clock for records. It believes the wall clock, and says where it is not smooth. */
export class RecordClock {
  readonly #clock: Clock
  #last: { readonly atUs: number; readonly ticksMs: number } | undefined
  // The highest time given, not the last: the record that carried the flag may never be written.
  #highestUs = 0

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
    this.#last = { atUs, ticksMs }
    this.#highestUs = Math.max(this.#highestUs, atUs)
    return { atUs, at: formatTime(atUs), clock }
  }

  #stateAt(atUs: number, ticksMs: number): ClockState | undefined {
    if (this.#last === undefined) return 'unknown'
    if (atUs < this.#highestUs) return 'behind'
    const leapMs = (atUs - this.#last.atUs) / 1000 - (ticksMs - this.#last.ticksMs)
    return leapMs > CLOCK_LEAP_MS_MAX ? 'ahead' : undefined
  }
}
