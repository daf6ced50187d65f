/**
 * Whoever waits for answers, by number. A flat list whose places are used again: a map that gains
 * and loses an entry for every record keeps alive what it has outgrown.
 */
export class Waiting<Answer> {
  readonly #waiters: (((answer: Answer) => void) | undefined)[] = []
  readonly #sinceMs: number[] = []
  readonly #free: number[] = []
  readonly #ticksMs: () => number

  constructor(ticksMs: () => number) {
    this.#ticksMs = ticksMs
  }

  /** Returns the number of the waiter. */
  add(answered: (answer: Answer) => void): number {
    const place = this.#free.pop() ?? this.#waiters.length
    this.#waiters[place] = answered
    this.#sinceMs[place] = this.#ticksMs()
    return place
  }

  answer(place: number, answer: Answer): void {
    const answered = this.#waiters[place]
    if (answered === undefined) throw new Error(`nobody waits at ${place}`)
    this.#waiters[place] = undefined
    this.#free.push(place)
    answered(answer)
  }

  /** For how long the one waits that waits longest. */
  get oldestMs(): number {
    const nowMs = this.#ticksMs()
    let sinceMs = nowMs
    for (const [place, waiter] of this.#waiters.entries()) {
      if (waiter !== undefined) sinceMs = Math.min(sinceMs, this.#sinceMs[place] ?? nowMs)
    }
    return nowMs - sinceMs
  }
}
