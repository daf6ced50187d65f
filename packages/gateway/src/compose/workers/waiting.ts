import { Slots } from './slots.ts'

/** One object for each: closures cost more, twice for every exchange. */
export interface Waiter<Answer> {
  answered(answer: Answer): void
}

interface Place<Answer> {
  readonly waiter: Waiter<Answer>
  readonly sinceMs: number
}

/** Whoever waits for answers, by number. */
export class Waiting<Answer> {
  readonly #waiters = new Slots<Place<Answer>>()
  readonly #ticksMs: () => number

  constructor(ticksMs: () => number) {
    this.#ticksMs = ticksMs
  }

  /** Returns the number of the waiter. */
  add(waiter: Waiter<Answer>): number {
    return this.#waiters.add({ waiter, sinceMs: this.#ticksMs() })
  }

  answer(place: number, answer: Answer): void {
    const known = this.#waiters.at(place)
    if (known === undefined) throw new Error(`nobody waits at ${place}`)
    this.#waiters.remove(place)
    known.waiter.answered(answer)
  }

  /** For how long the one waits that waits longest. */
  get oldestMs(): number {
    const nowMs = this.#ticksMs()
    let oldestMs = 0
    for (const [, { sinceMs }] of this.#waiters.entries()) {
      oldestMs = Math.max(oldestMs, nowMs - sinceMs)
    }
    return oldestMs
  }
}
