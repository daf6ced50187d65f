import type { Reason } from '@countersign/evidence'
import type { Clock, Timer } from '../platform/index.ts'

/** Ends an exchange from outside: the client leaves, a limit is reached. The first cause counts. */
export class Cut {
  #reason: Reason | undefined
  readonly #listeners = new Set<() => void>()

  /** Undefined while nothing has cut the exchange short. */
  get reason(): Reason | undefined {
    return this.#reason
  }

  make(reason: Reason): void {
    if (this.#reason !== undefined) return
    this.#reason = reason
    for (const listener of this.#listeners) listener()
    this.#listeners.clear()
  }

  /** The exchange has ended: what happens from now on cuts nothing. */
  close(): void {
    this.#listeners.clear()
    this.#reason ??= 'client-aborted'
  }

  /** Calls `listener` once: at the cut, or at once when that has been. */
  onMade(listener: () => void): void {
    if (this.#reason === undefined) this.#listeners.add(listener)
    else listener()
  }
}

/**
 * Deadlines of one exchange on one timer. Most are met long before: setting one costs a map entry,
 * and a timer is made only where the one that runs would come too late.
 */
export class Deadlines {
  readonly #clock: Clock
  readonly #cut: Cut
  readonly #due = new Map<string, { readonly atMs: number; readonly reason: Reason }>()
  #timer: Timer | undefined
  #timerAtMs = Number.POSITIVE_INFINITY

  constructor(clock: Clock, cut: Cut) {
    this.#clock = clock
    this.#cut = cut
  }

  /** Cuts the exchange for `reason` unless `name` is met, or set anew, within `withinMs`. */
  set(name: string, withinMs: number, reason: Reason): void {
    const atMs = this.#clock.ticksMs() + withinMs
    this.#due.set(name, { atMs, reason })
    if (atMs < this.#timerAtMs) this.#arm(atMs)
  }

  meet(name: string): void {
    this.#due.delete(name)
  }

  /** Forgets all of them. */
  clear(): void {
    this.#due.clear()
    this.#timer?.cancel()
    this.#timer = undefined
  }

  #arm(atMs: number): void {
    this.#timer?.cancel()
    this.#timerAtMs = atMs
    const delayMs = Math.max(1, Math.ceil(atMs - this.#clock.ticksMs()))
    this.#timer = this.#clock.after(delayMs, () => this.#check())
  }

  #check(): void {
    this.#timerAtMs = Number.POSITIVE_INFINITY
    const nowMs = this.#clock.ticksMs()
    let nextMs = Number.POSITIVE_INFINITY
    for (const { atMs, reason } of this.#due.values()) {
      if (atMs <= nowMs) {
        this.#cut.make(reason)
        return
      }
      nextMs = Math.min(nextMs, atMs)
    }
    if (nextMs < Number.POSITIVE_INFINITY) this.#arm(nextMs)
  }
}
