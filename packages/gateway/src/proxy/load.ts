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

/**
 * What an exchange is to the loop: work that is to end soon, a refusal, or something that stays
 * open, of which how many there are says nothing about how much there is to do.
 */
export type Burden = 'short' | 'refused' | 'long'

/** How often the loop is measured, and everything else. */
const TICK_MS = 20
const SLOW_TICKS = 10
/** A loop that was late once was held up; one that is late so often in a row has a queue. */
const IN_TIME: readonly number[] = [0, 0, 0]

/** How fast fewer are let in at most while the loop is late, and more again while it is not. */
const FEWER = 0.5
const MORE = 1.1
/** How fast it is forgotten that more were let in once. */
const LESS = 0.98

/**
 * How much there is to do. A loop that goes on being late has as many short exchanges as it can
 * serve, and a few more: fewer are let in until it is in time. What else there is too much of keeps
 * all out until there is less. Even a refusal costs something: beyond a rate they wait for their
 * turn, and so do their connections.
 */
export class Load {
  readonly #clock: Clock
  readonly #limits: () => Limits
  readonly #pressures: Pressures
  readonly #going: Record<Burden, number> = { short: 0, refused: 0, long: 0 }
  /** Refusals that may be said at once, and those that wait for their turn. */
  #turns = 0
  readonly #waiting: (() => void)[] = []
  #ticks = 0
  #lateTicks: readonly number[] = IN_TIME
  /** How many short ones may go on at once. */
  #allowed: number
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
    this.#allowed = parts.limits().exchangesBurstMax
  }

  /** Of what there is too much now; undefined: of nothing. */
  get overload(): Overload | undefined {
    const { short, long } = this.#going
    if (short + long > this.#limits().exchangesMax) return 'exchanges'
    if (short > this.#allowed) return 'loop'
    for (const overload of this.#overloads) return overload
    return undefined
  }

  begin(): void {
    this.#going.short += 1
    if (!this.#isTicking) this.#tickLater()
  }

  /** One that has begun is refused: a promise where that has to wait for its turn. */
  refuse(): void | Promise<void> {
    this.#become('refused')
    if (this.#turns >= 1 && this.#waiting.length === 0) {
      this.#turns -= 1
      return undefined
    }
    return new Promise((resolve) => void this.#waiting.push(resolve))
  }

  /** One that has begun stays open, and has for a while. */
  settle(): void {
    this.#become('long')
  }

  end(as: Burden): void {
    this.#going[as] -= 1
  }

  #become(as: Burden): void {
    this.#going.short -= 1
    this.#going[as] += 1
  }

  /** How late the loop comes to a timer is how long whoever asks now will wait for anything. */
  #tickLater(): void {
    this.#isTicking = true
    const dueMs = this.#clock.ticksMs() + TICK_MS
    this.#clock.after(TICK_MS, () => {
      this.#isTicking = false
      const lateMs = this.#clock.ticksMs() - dueMs
      this.#measure(lateMs)
      this.#giveTurns(TICK_MS + lateMs)
      const { short, refused, long } = this.#going
      const isQuiet = short + refused === 0 && this.#overloads.size === 0
      if (isQuiet) this.#rest()
      if (!isQuiet || long > 0) this.#tickLater()
    })
  }

  #measure(lateMs: number): void {
    const limits = this.#limits()
    this.#ticks += 1
    const now = new Set(this.#overloads)
    this.#lateTicks = [...this.#lateTicks.slice(1), lateMs]
    this.#allow(Math.min(...this.#lateTicks), limits)
    judge(now, 'ledger', this.#pressures.ledgerLagMs(), limits.ledgerLagMs)
    if (this.#ticks % SLOW_TICKS === 0) {
      judge(now, 'heap', this.#pressures.heapPercent(), limits.heapPercentMax)
    }
    this.#overloads = now
  }

  #allow(lateMs: number, limits: Limits): void {
    const { loopLagMs, exchangesMin, exchangesBurstMax, exchangesMax } = limits
    const { short } = this.#going
    if (lateMs > loopLagMs) {
      const part = Math.max(FEWER, loopLagMs / lateMs)
      this.#allowed = Math.max(exchangesMin, Math.min(this.#allowed, short) * part)
    } else if (short * 2 > this.#allowed) {
      this.#allowed = Math.min(exchangesMax, this.#allowed * MORE)
    } else {
      this.#allowed = Math.max(Math.min(this.#allowed, exchangesBurstMax), this.#allowed * LESS)
    }
  }

  /** A second's worth may be saved up. */
  #giveTurns(sinceMs: number): void {
    const perSecond = this.#limits().shedPerSecondMax
    this.#turns = Math.min(perSecond, this.#turns + (perSecond * sinceMs) / 1000)
    const now = this.#waiting.splice(0, Math.floor(this.#turns))
    this.#turns -= now.length
    for (const proceed of now) proceed()
  }

  #rest(): void {
    this.#lateTicks = IN_TIME
    this.#allowed = this.#limits().exchangesBurstMax
  }
}

/** Memory comes back in steps of a collection: half of its limit would be waited for for ever. */
const ENOUGH = { ledger: 0.5, heap: 0.95 } as const

function judge(
  overloads: Set<Overload>,
  overload: keyof typeof ENOUGH,
  found: number,
  max: number,
): void {
  if (found > max) overloads.add(overload)
  else if (found <= max * ENOUGH[overload]) overloads.delete(overload)
}
