import type { Clock, Timer } from '../types.ts'

interface Pending {
  readonly atMs: number
  readonly order: number
  readonly run: () => void
  cancelled: boolean
}

const YEAR_2026_US = 1_767_225_600_000_000

/** Virtual time: it passes only when somebody runs it, and timers run in order of their time. */
export class SimulatedClock implements Clock {
  // A binary heap: the earliest timer first, among equals the one that was set first.
  readonly #heap: Pending[] = []
  #ticksMs = 0
  #wallOffsetUs: number
  #order = 0

  constructor(options: { readonly startUs?: number } = {}) {
    this.#wallOffsetUs = options.startUs ?? YEAR_2026_US
  }

  nowUs(): number {
    return this.#wallOffsetUs + Math.floor(this.#ticksMs * 1000)
  }

  ticksMs(): number {
    return this.#ticksMs
  }

  after(delayMs: number, run: () => void): Timer {
    const atMs = this.#ticksMs + Math.max(0, delayMs)
    const pending: Pending = { atMs, order: this.#order++, run, cancelled: false }
    push(this.#heap, pending)
    return {
      cancel() {
        pending.cancelled = true
      },
    }
  }

  /** No time passes in a turn: whatever runs now is all that came. */
  atTurnEnd(run: () => void): void {
    queueMicrotask(run)
  }

  /** Moves the wall clock alone, as an operator or a time server does. */
  jump(byUs: number): void {
    this.#wallOffsetUs += byUs
  }

  /** Time passes, and no timer runs in it: they are late, as after a process was stopped. */
  freeze(byMs: number): void {
    this.#ticksMs += byMs
  }

  /** Milliseconds until the next timer, negative when it is late; undefined: none is pending. */
  untilNextMs(): number | undefined {
    this.#dropCancelled()
    const next = this.#heap[0]
    return next === undefined ? undefined : next.atMs - this.#ticksMs
  }

  /** Moves time to the next timer and runs it. False: there is none. */
  runNext(): boolean {
    this.#dropCancelled()
    const next = pop(this.#heap)
    if (next === undefined) return false
    this.#ticksMs = Math.max(this.#ticksMs, next.atMs)
    next.run()
    return true
  }

  /** Lets time pass, and every timer in it run, with the promises that each one settles. */
  async advance(byMs: number): Promise<void> {
    const untilMs = this.#ticksMs + byMs
    await settled()
    for (;;) {
      const waitMs = this.untilNextMs()
      if (waitMs === undefined || this.#ticksMs + waitMs > untilMs) break
      this.runNext()
      await settled()
    }
    this.#ticksMs = untilMs
  }

  #dropCancelled(): void {
    while (this.#heap[0]?.cancelled === true) pop(this.#heap)
  }
}

/** Resolves when every promise that can settle without time or a disk has done so. */
export function settled(): Promise<void> {
  return new Promise((done) => setImmediate(done))
}

function isBefore(one: Pending, other: Pending): boolean {
  return one.atMs < other.atMs || (one.atMs === other.atMs && one.order < other.order)
}

function push(heap: Pending[], item: Pending): void {
  let at = heap.length
  while (at > 0) {
    const above = (at - 1) >> 1
    const parent = heap[above]
    if (parent === undefined || !isBefore(item, parent)) break
    heap[at] = parent
    at = above
  }
  heap[at] = item
}

function pop(heap: Pending[]): Pending | undefined {
  const first = heap[0]
  const last = heap.pop()
  if (first === undefined || last === undefined || heap.length === 0) return first
  let at = 0
  for (;;) {
    const below = earlierChild(heap, at)
    const child = heap[below]
    if (child === undefined || !isBefore(child, last)) break
    heap[at] = child
    at = below
  }
  heap[at] = last
  return first
}

function earlierChild(heap: readonly Pending[], at: number): number {
  const left = heap[2 * at + 1]
  const right = heap[2 * at + 2]
  const isRight = left !== undefined && right !== undefined && isBefore(right, left)
  return 2 * at + (isRight ? 2 : 1)
}
