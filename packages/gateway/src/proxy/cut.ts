import type { Reason } from '@countersign/evidence'
import type { Clock } from '../platform/index.ts'
import type { DeadlineWheel, Due } from './deadline-wheel.ts'
import { NO_SEAT } from './roster.ts'

/** Ends an exchange from outside: the client leaves, a limit is reached. The first cause counts. */
export class Cut {
  #reason: Reason | undefined
  // One or two, and mostly never called: they need no list.
  #first: (() => void) | undefined
  #second: (() => void) | undefined
  #more: readonly (() => void)[] = NO_LISTENERS

  /** Undefined while nothing has cut the exchange short. */
  get reason(): Reason | undefined {
    return this.#reason
  }

  make(reason: Reason): void {
    if (this.#reason !== undefined) return
    this.#reason = reason
    const [first, second, more] = [this.#first, this.#second, this.#more]
    this.#forget()
    first?.()
    second?.()
    for (const listener of more) listener()
  }

  /** The exchange has ended: what happens from now on cuts nothing. */
  close(): void {
    this.#forget()
    this.#reason ??= 'client-aborted'
  }

  /** Calls `listener` once: at the cut, or at once when that has been. */
  onMade(listener: () => void): void {
    if (this.#reason !== undefined) listener()
    else if (this.#first === undefined) this.#first = listener
    else if (this.#second === undefined) this.#second = listener
    else this.#more = [...this.#more, listener]
  }

  #forget(): void {
    this.#first = undefined
    this.#second = undefined
    this.#more = NO_LISTENERS
  }
}

const NO_LISTENERS: readonly (() => void)[] = []

/**
 * Deadlines of one exchange, each known by its name. Most are met long before: setting one costs
 * no timer, and one that is not met is noticed at the next turn of the wheel.
 */
export class Deadlines implements Due {
  readonly #clock: Clock
  readonly #cut: Cut
  readonly #wheel: DeadlineWheel
  // Few, and the same few each time: each knows the next, which costs less than a map or a list.
  #first: Deadline | undefined
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
    const dueMs = fromMs + withinMs
    let last = this.#first
    while (last !== undefined && last.name !== name && last.next !== undefined) last = last.next
    if (last?.name === name) {
      last.dueMs = dueMs
      last.reason = reason
      return
    }
    const added: Deadline = { name, dueMs, reason, next: undefined }
    if (last !== undefined) last.next = added
    else {
      this.#first = added
      this.#wheel.add(this)
    }
  }

  meet(name: string): void {
    for (let known = this.#first; known !== undefined; known = known.next) {
      if (known.name === name) known.dueMs = Number.POSITIVE_INFINITY
    }
  }

  /** Forgets all of them. */
  clear(): void {
    this.#first = undefined
    this.#wheel.delete(this)
  }

  /** Of the wheel. */
  check(nowMs: number): void {
    let missed = this.#first
    while (missed !== undefined && missed.dueMs > nowMs) missed = missed.next
    if (missed !== undefined) this.#cut.make(missed.reason)
  }
}

interface Deadline {
  readonly name: string
  dueMs: number
  reason: Reason
  next: Deadline | undefined
}
