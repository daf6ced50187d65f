import type { Clock } from '../platform/index.ts'
import { Roster, type Rostered } from './roster.ts'

/** Something that has deadlines, and wants to know how late it is. */
export interface Due extends Rostered {
  check(nowMs: number): void
}

/** How late a deadline may be noticed. */
const TICK_MS = 50

/**
 * One timer for the deadlines of everything that goes on: a request sets several, and meets them
 * all long before. There is none while nothing goes on.
 */
export class DeadlineWheel {
  readonly #clock: Clock
  readonly #live = new Roster<Due>()
  #isTicking = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  add(due: Due): void {
    this.#live.add(due)
    if (!this.#isTicking) this.#tickLater()
  }

  delete(due: Due): void {
    this.#live.delete(due)
  }

  #tickLater(): void {
    this.#isTicking = true
    this.#clock.after(TICK_MS, () => {
      this.#isTicking = false
      const nowMs = this.#clock.ticksMs()
      for (const due of this.#live.members()) due.check(nowMs)
      if (this.#live.size > 0 && !this.#isTicking) this.#tickLater()
    })
  }
}
