import type { Limits } from '../limits/index.ts'
import type { Clock } from '../platform/index.ts'

/** What is measured elsewhere, and asked for now and then. */
export interface Pressures {
  /** How long the oldest entry of the ledger has waited to be durable. */
  ledgerLagMs(): number
  /** Part of the memory that the runtime may have, in percent. */
  heapPercent(): number
}

export const NO_PRESSURES: Pressures = { ledgerLagMs: () => 0, heapPercent: () => 0 }

/** What there is too much of. */
export type Overload = 'loop' | 'ledger' | 'heap' | 'exchanges'

/** How often the loop is measured, and everything else. */
const TICK_MS = 20
const SLOW_TICKS = 10

/**
 * How much there is to do. Beyond a limit exchanges are refused until it is half of that again:
 * refusing costs little, so that what is let in is served in good time.
 */
export class Load {
  readonly #clock: Clock
  readonly #limits: () => Limits
  readonly #pressures: Pressures
  #going = 0
  #ticks = 0
  #isTicking = false
  #overloads: ReadonlySet<Overload> = new Set()

  constructor(parts: {
    readonly clock: Clock
    readonly limits: () => Limits
    readonly pressures: Pressures
  }) {
    this.#clock = parts.clock
    this.#limits = parts.limits
    this.#pressures = parts.pressures
  }

  /** Of what there is too much now; undefined: of nothing. */
  get overload(): Overload | undefined {
    if (this.#going > this.#limits().exchangesMax) return 'exchanges'
    for (const overload of this.#overloads) return overload
    return undefined
  }

  begin(): void {
    this.#going += 1
    if (!this.#isTicking) this.#tickLater()
  }

  end(): void {
    this.#going -= 1
  }

  /** How late the loop comes to a timer is how long whoever asks now will wait for anything. */
  #tickLater(): void {
    this.#isTicking = true
    const dueMs = this.#clock.ticksMs() + TICK_MS
    this.#clock.after(TICK_MS, () => {
      this.#isTicking = false
      this.#measure(this.#clock.ticksMs() - dueMs)
      if (this.#going > 0 || this.#overloads.size > 0) this.#tickLater()
    })
  }

  #measure(lateMs: number): void {
    const limits = this.#limits()
    this.#ticks += 1
    const now = new Set(this.#overloads)
    judge(now, 'loop', lateMs, limits.loopLagMs)
    judge(now, 'ledger', this.#pressures.ledgerLagMs(), limits.ledgerLagMs)
    if (this.#ticks % SLOW_TICKS === 0) {
      judge(now, 'heap', this.#pressures.heapPercent(), limits.heapPercentMax)
    }
    this.#overloads = now
  }
}

/** Memory comes back in steps of a collection: half of its limit would be waited for for ever. */
const ENOUGH = { loop: 0.5, ledger: 0.5, heap: 0.95 } as const

function judge(
  overloads: Set<Overload>,
  overload: keyof typeof ENOUGH,
  found: number,
  max: number,
): void {
  if (found > max) overloads.add(overload)
  else if (found <= max * ENOUGH[overload]) overloads.delete(overload)
}
