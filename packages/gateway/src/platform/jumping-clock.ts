import type { Clock, Timer } from './types.ts'

/** A clock whose wall time somebody sets; what is monotonic stays so. */
export class JumpingClock implements Clock {
  readonly #clock: Clock
  #aheadUs = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** How far it is from the right time, from now on. */
  set(aheadMs: number): void {
    this.#aheadUs = Math.round(aheadMs * 1000)
  }

  nowUs(): number {
    return this.#clock.nowUs() + this.#aheadUs
  }

  ticksMs(): number {
    return this.#clock.ticksMs()
  }

  after(delayMs: number, run: () => void): Timer {
    return this.#clock.after(delayMs, run)
  }

  atTurnEnd(run: () => void): void {
    this.#clock.atTurnEnd(run)
  }
}
