import type { GapFacts, WindowFacts } from './act-types.ts'

/** The wall clock, by which windows are judged, may be set a little unflagged. */
const CLOCK_GRACE_MS = 5_000

/** A window in which relaxed records may stand. */
interface OpenWindow {
  readonly index: number
  readonly incarnation: number
  readonly recordsMax: number
  readonly windowMs: number
  /** Undefined: the clock leapt since, or nobody can tell. */
  untilUs: number | undefined
  records: number
}

/**
 * Follows the windows of relaxed recording, in order of index. There is one at a time: what is
 * relaxed stands behind the record that began it, and is counted by the record that ends it.
 */
export class WindowPairs {
  #open: OpenWindow | undefined
  /** A record could not be read since the last that began or ended a window. */
  #isUncertain = false

  skip(): void {
    this.#isUncertain = true
  }

  /** A clock that leapt says nothing of how long a window is open. */
  leap(): void {
    if (this.#open !== undefined) this.#open.untilUs = undefined
  }

  /** Returns what is wrong with a relaxed record, or undefined. */
  relaxed(incarnation: number, atUs: number): string | undefined {
    const open = this.#open
    if (open === undefined || open.incarnation !== incarnation) {
      return this.#isUncertain ? undefined : 'it is relaxed, and no window is open'
    }
    open.records += 1
    if (this.#isUncertain) return undefined
    if (open.untilUs !== undefined && atUs > open.untilUs) {
      return `it is relaxed, and the window of record ${open.index} is over`
    }
    if (open.records <= open.recordsMax) return undefined
    return `the window of record ${open.index} has room for ${open.recordsMax}`
  }

  /** Returns what is wrong with a record that begins or ends a window, or undefined. */
  add(
    at: { readonly index: number; readonly incarnation: number; readonly atUs: number },
    facts: WindowFacts,
    about: number | undefined,
  ): string | undefined {
    const why = facts.act === 'open' ? this.#opens() : this.#ends(at.incarnation, facts, about)
    const before = this.#open
    this.#isUncertain = false
    this.#open = undefined
    if (facts.act === 'close') return why
    const { recordsMax, windowMs } = facts
    if (recordsMax === undefined || windowMs === undefined) return 'it names no bound'
    const untilUs = at.atUs + (windowMs + CLOCK_GRACE_MS) * 1000
    const { index, incarnation } = at
    this.#open = { index, incarnation, recordsMax, windowMs, untilUs, records: 0 }
    // What follows a renewal that is not durable yet is acted on under the window before.
    const isWider =
      facts.act === 'renew' &&
      before !== undefined &&
      (before.recordsMax !== recordsMax || before.windowMs !== windowMs)
    return why ?? (isWider ? `it has other bounds than record ${before.index}` : undefined)
  }

  /** Returns what is wrong with a gap that ends a window of a dead incarnation, or undefined. */
  interrupt(about: number, incarnation: number, gap: GapFacts): string | undefined {
    const open = this.#open
    if (open?.index !== about) {
      return this.#isUncertain ? undefined : `record ${about} begins no window that is still open`
    }
    this.#open = undefined
    if (open.incarnation === incarnation) return 'a window of its own incarnation is interrupted'
    if (gap.unrecordedMax === open.recordsMax) return undefined
    return `it names another bound than record ${about}`
  }

  /** Takes out the window that had to be ended by now, and returns its index. */
  takeDead(isDead: (incarnation: number) => boolean): readonly number[] {
    if (this.#open === undefined || !isDead(this.#open.incarnation)) return []
    const { index } = this.#open
    this.#open = undefined
    return [index]
  }

  #opens(): string | undefined {
    if (this.#open === undefined || this.#isUncertain) return undefined
    return `the window of record ${this.#open.index} is open still`
  }

  #ends(incarnation: number, facts: WindowFacts, about: number | undefined): string | undefined {
    const open = this.#open
    if (open === undefined || open.index !== about) {
      return this.#isUncertain ? undefined : 'it is about no window that is open'
    }
    if (open.incarnation !== incarnation) return 'a window of another incarnation goes on'
    if (facts.records === open.records) return undefined
    if (this.#isUncertain && (facts.records ?? 0) > open.records) return undefined
    return `it counts ${facts.records} relaxed records, and there are ${open.records}`
  }
}
