import type { Reason } from '@countersign/evidence'
import type { Clock } from '../platform/index.ts'
import type { DeadlineWheel, Due } from './deadline-wheel.ts'
import { NO_SEAT } from './roster.ts'

/** Ends an exchange from outside: the client leaves, a limit is reached. The first cause counts. */
export class Cut {
  #reason: Reason | undefined
  readonly #listeners: (() => void)[] = []

  /** Undefined while nothing has cut the exchange short. */
  get reason(): Reason | undefined {
    return this.#reason
  }

  make(reason: Reason): void {
    if (this.#reason !== undefined) return
    this.#reason = reason
    for (const listener of this.#listeners.splice(0)) listener()
  }

  /** The exchange has ended: what happens from now on cuts nothing. */
  close(): void {
    this.#listeners.length = 0
    this.#reason ??= 'client-aborted'
  }

  /** Calls `listener` once: at the cut, or at once when that has been. */
  onMade(listener: () => void): void {
    if (this.#reason === undefined) this.#listeners.push(listener)
    else listener()
  }
}

/**
 * Deadlines of one exchange, each known by its name. Most are met long before: setting one costs
 * no timer, and one that is not met is noticed at the next turn of the wheel.
 */
export class Deadlines implements Due {
  readonly #clock: Clock
  readonly #cut: Cut
  readonly #wheel: DeadlineWheel
  // Few, and the same few each time: a map costs more than the search.
  #deadlines: Deadline[] | undefined
  /** Of the wheel. */
  seat: number = NO_SEAT

  constructor(clock: Clock, cut: Cut, wheel: DeadlineWheel) {
    this.#clock = clock
    this.#cut = cut
    this.#wheel = wheel
  }

  /** Cuts the exchange for `reason` unless `name` is met, or set anew, `withinMs` from `fromMs`. */
  set(
    name: string,
    withinMs: number,
    reason: Reason,
    fromMs: number = this.#clock.ticksMs(),
  ): void {
    const known = this.#find(name)
    const dueMs = fromMs + withinMs
    if (known !== undefined) {
      known.dueMs = dueMs
      known.reason = reason
    } else if (this.#deadlines === undefined) {
      this.#deadlines = [{ name, dueMs, reason }]
      this.#wheel.add(this)
    } else this.#deadlines.push({ name, dueMs, reason })
  }

  meet(name: string): void {
    const known = this.#find(name)
    if (known !== undefined) known.dueMs = Number.POSITIVE_INFINITY
  }

  /** Forgets all of them. */
  clear(): void {
    this.#deadlines = undefined
    this.#wheel.delete(this)
  }

  /** Of the wheel. */
  check(nowMs: number): void {
    const missed = this.#deadlines?.find(({ dueMs }) => dueMs <= nowMs)
    if (missed !== undefined) this.#cut.make(missed.reason)
  }

  #find(name: string): Deadline | undefined {
    if (this.#deadlines === undefined) return undefined
    for (const deadline of this.#deadlines) if (deadline.name === name) return deadline
    return undefined
  }
}

interface Deadline {
  readonly name: string
  dueMs: number
  reason: Reason
}
