/** A span of time: whole microseconds, and `part` more in units of a microsecond / limit. */
export interface Span {
  readonly us: number
  readonly part: number
}

/** So many units in a window, at most `burst` of them at once. */
export interface RateConfig {
  readonly limit: number
  readonly windowUs: number
  readonly burst: number
}

/**
 * A rate as the generic cell rate algorithm counts it. A unit lasts windowUs / limit, which need
 * not be a whole number: all times are kept as a whole number and the numerator of a fraction, so
 * nothing is ever rounded and nothing drifts, and no number exceeds what a double holds exactly.
 */
export class Rate {
  readonly limit: number
  readonly windowUs: number
  readonly burst: number
  readonly tolerance: Span
  /** Of two rates the one that was configured later has the higher number. */
  readonly made: number = ++ratesMade
  /** Of one unit, which is what nearly every request takes. */
  readonly #one: Span
  readonly #spans = new Map<number, Span>()

  constructor({ limit, windowUs, burst }: RateConfig) {
    this.limit = limit
    this.windowUs = windowUs
    this.burst = burst
    this.tolerance = this.#span(burst)
    this.#one = this.#span(1)
  }

  /** How long `units` last. */
  spanOf(units: number): Span {
    if (units === 1) return this.#one
    const known = this.#spans.get(units)
    if (known !== undefined) return known
    const span = this.#span(units)
    if (this.#spans.size < SPANS_KEPT_MAX) this.#spans.set(units, span)
    return span
  }

  isSame({ limit, windowUs }: Pick<RateConfig, 'limit' | 'windowUs'>): boolean {
    return limit === this.limit && windowUs === this.windowUs
  }

  /** How many units a span is, begun ones counted whole. */
  unitsIn(us: number, part: number): number {
    if (us < 0) return 0
    if (us <= Number.MAX_SAFE_INTEGER / this.limit - 1) {
      return Math.ceil((us * this.limit + part) / this.windowUs)
    }
    const parts = BigInt(us) * BigInt(this.limit) + BigInt(part)
    const window = BigInt(this.windowUs)
    return Number((parts + window - 1n) / window)
  }

  #span(units: number): Span {
    const parts = BigInt(units) * BigInt(this.windowUs)
    const limit = BigInt(this.limit)
    return { us: Number(parts / limit), part: Number(parts % limit) }
  }
}

let ratesMade = 0

/** Costs come from a table of the configuration, burst and reservations are few. */
const SPANS_KEPT_MAX = 256

/**
 * What one key has used of one rate: the theoretical arrival time (TAT), when all of it will be
 * free again. Microseconds since 1970, and a fraction of the rate's limit.
 */
export class Meter {
  us = 0
  part = 0

  /** Microseconds until `cost` units are free: 0, they are. Takes nothing. */
  waitUs(rate: Rate, nowUs: number, cost: number): number {
    if (cost === 0) return 0
    const { us, part } = rate.spanOf(cost)
    const { tolerance } = rate
    const isIdle = this.us < nowUs
    const overUs = (isIdle ? nowUs : this.us) + us - tolerance.us - nowUs
    const overPart = (isIdle ? 0 : this.part) + part - tolerance.part
    return Math.max(0, overUs + Math.ceil(overPart / rate.limit))
  }

  take(rate: Rate, nowUs: number, cost: number): void {
    if (cost === 0) return
    const { us, part } = rate.spanOf(cost)
    const isIdle = this.us < nowUs
    this.us = (isIdle ? nowUs : this.us) + us
    this.part = (isIdle ? 0 : this.part) + part
    if (this.part < rate.limit) return
    this.part -= rate.limit
    this.us += 1
  }

  /** Units that are not free again yet. */
  used(rate: Rate, nowUs: number): number {
    return rate.unitsIn(this.us - nowUs, this.part)
  }

  /** Counts on under another rate: what was used stays used, as far as there is so much of it. */
  convert(from: Rate, to: Rate, nowUs: number): void {
    const { us, part } = to.spanOf(Math.min(this.used(from, nowUs), to.burst))
    this.us = nowUs + us
    this.part = part
  }

  /** What was said of the future by a clock that has been set back since: no more than all. */
  clamp(rate: Rate, nowUs: number): void {
    const latestUs = nowUs + rate.tolerance.us + 1
    if (this.us <= latestUs) return
    this.us = latestUs
    this.part = 0
  }
}
