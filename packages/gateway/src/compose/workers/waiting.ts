import { Slots } from './slots.ts'

interface Waiter<Answer> {
  readonly answered: (answer: Answer) => void
  readonly sinceMs: number
}

/** Whoever waits for answers, by number. */
export class Waiting<Answer> {
  readonly #waiters = new Slots<Waiter<Answer>>()
  readonly #ticksMs: () => number

  constructor(ticksMs: () => number) {
    this.#ticksMs = ticksMs
  }

  /** Returns the number of the waiter. */
  add(answered: (answer: Answer) => void): number {
    return this.#waiters.add({ answered, sinceMs: this.#ticksMs() })
  }

  answer(place: number, answer: Answer): void {
    const waiter = this.#waiters.at(place)
    if (waiter === undefined) throw new Error(`nobody waits at ${place}`)
    this.#waiters.remove(place)
    waiter.answered(answer)
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
