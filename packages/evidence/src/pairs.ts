import type { AnyActFacts, GapFacts, SystemFacts } from './act-types.ts'
import type { How, When } from './section-types.ts'
import { parseTime } from './time.ts'

/** The rules that hold between records, by name. */
export type PairRule = 'about' | 'terminal' | 'incarnation' | 'silence' | 'time'

/** One broken rule: at which record, and how. */
export interface PairViolation {
  readonly index: number
  readonly rule: PairRule
  readonly why: string
}

/** A record as far as the rules need it. */
export interface CheckedRecord {
  readonly index: number
  readonly when: When
  /** The `what` of `system` and `gap` records. */
  readonly act?: AnyActFacts | undefined
  /** The `how` of outcomes, where it could be opened. */
  readonly how?: How | undefined
}

interface OpenIntent {
  readonly exchange: string
  readonly incarnation: number
}

/** Silence is judged by twice the heartbeat and this: timers are late on a busy machine. */
export const SILENCE_GRACE_MS = 5_000

/**
 * Checks the rules that hold between the records of one epoch, fed in order of index.
 *
 * What it prevents: a record that points nowhere, an exchange without an end or with two, a span
 * of which nothing tells, a clock that was set back unseen, a writer that outlived its successor.
 * What it leaves undecided: whatever touches a record that was given to `skip`.
 * An intent that is still open at the end is no fault while its incarnation lives.
 */
export class PairChecker {
  readonly #epoch: number
  readonly #open = new Map<number, OpenIntent>()
  readonly #exchanges = new Map<string, number>()
  readonly #skipped: { from: number; to: number }[] = []
  #incarnation: number | undefined
  #heartbeatMs: number | undefined
  #stopped = false
  #owesRecovery = false
  // The record before this one; undefined at the start and after a record that was skipped.
  #lastUs: number | undefined
  // The highest time since the last start of a process that had nothing to compare with.
  #highestUs = 0
  #violations: PairViolation[] = []

  constructor({ epoch }: { readonly epoch: number }) {
    this.#epoch = epoch
  }

  /** Intents without an end so far. */
  get openIntents(): number {
    return this.#open.size
  }

  /** Returns the rules that this record breaks, mostly none. */
  add(record: CheckedRecord): readonly PairViolation[] {
    this.#violations = []
    const atUs = parseTime(record.when.at)
    this.#checkIncarnation(record)
    this.#checkTime(record, atUs)
    this.#checkPair(record)
    if (record.when.kind === 'system') this.#checkSystem(record, record.act as SystemFacts)
    this.#lastUs = atUs
    return this.#violations
  }

  /** Notes a record that cannot be read or understood: nothing is concluded from or about it. */
  skip(index: number): void {
    const last = this.#skipped.at(-1)
    if (last !== undefined && last.to === index) last.to = index + 1
    else this.#skipped.push({ from: index, to: index + 1 })
    this.#lastUs = undefined
    this.#highestUs = 0
    this.#owesRecovery = false
  }

  #checkIncarnation(record: CheckedRecord): void {
    const { index, when } = record
    if (when.incarnation === this.#incarnation) {
      if (this.#stopped) this.#break(index, 'incarnation', 'written after the stop')
      return
    }
    if (this.#incarnation !== undefined && when.incarnation < this.#incarnation) {
      this.#break(index, 'incarnation', 'written by an incarnation that a later one replaced')
      return
    }
    // The first record of a ledger names the epoch; the start follows it.
    const first = index === 0 && when.kind === 'epoch'
    const unknown = this.#wasSkipped(index - 1)
    if (!isStart(record) && !first && !unknown) {
      this.#break(index, 'incarnation', 'an incarnation begins without a start')
    }
    this.#owesRecovery = this.#incarnation !== undefined && !this.#stopped && !unknown
    this.#incarnation = when.incarnation
    this.#stopped = false
    this.#heartbeatMs = undefined
  }

  #checkTime(record: CheckedRecord, atUs: number): void {
    const { index, when } = record
    const flagged = when.clock !== undefined && (when.clock !== 'unknown' || isStart(record))
    if (atUs < this.#highestUs && !flagged) {
      this.#break(index, 'time', `at ${when.at} is before an earlier record`)
    }
    this.#highestUs = when.clock === 'unknown' ? atUs : Math.max(this.#highestUs, atUs)
    if (this.#heartbeatMs === undefined || this.#lastUs === undefined || flagged) return
    const allowedUs = (2 * this.#heartbeatMs + SILENCE_GRACE_MS) * 1000
    if (atUs - this.#lastUs <= allowedUs) return
    if (when.kind === 'gap' && this.#explains(record.act as GapFacts, atUs, allowedUs)) return
    const seconds = Math.round((atUs - this.#lastUs) / 1_000_000)
    this.#break(index, 'silence', `nothing tells of the ${seconds} s before it`)
  }

  #explains(gap: GapFacts | undefined, atUs: number, allowedUs: number): boolean {
    if (gap === undefined || this.#lastUs === undefined) return false
    const before = parseTime(gap.from) - this.#lastUs
    return before <= allowedUs && atUs - parseTime(gap.until) <= allowedUs
  }

  #checkPair(record: CheckedRecord): void {
    const { kind } = record.when
    if (kind === 'intent') this.#openIntent(record)
    else if (kind === 'outcome' || kind === 'progress') this.#concernsOpen(record)
    else if (kind === 'delivery') this.#concernsEarlier(record)
    const traffic = kind === 'intent' || kind === 'refusal'
    if (!traffic || !this.#owesRecovery) return
    this.#owesRecovery = false
    this.#break(record.index, 'incarnation', 'traffic before the recovery of what came before')
  }

  #openIntent({ index, when }: CheckedRecord): void {
    const { exchange = '', incarnation } = when
    const twin = this.#exchanges.get(exchange)
    if (twin !== undefined) {
      this.#break(index, 'terminal', `its exchange was begun by record ${twin} already`)
    }
    this.#open.set(index, { exchange, incarnation })
    this.#exchanges.set(exchange, index)
  }

  #concernsOpen(record: CheckedRecord): void {
    const { index, when, how } = record
    const about = this.#concernsEarlier(record)
    if (about === undefined) return
    const intent = this.#open.get(about)
    if (intent === undefined) {
      if (this.#wasSkipped(about)) return
      this.#break(index, 'terminal', `record ${about} is not an intent that is still open`)
      return
    }
    if (intent.exchange !== when.exchange) {
      this.#break(index, 'about', `record ${about} is of another exchange`)
      return
    }
    if (how !== undefined) this.#checkWriter(index, intent.incarnation === when.incarnation, how)
    if (when.kind === 'outcome') this.#close(about, intent)
  }

  #concernsEarlier({ index, when }: CheckedRecord): number | undefined {
    const { about } = when
    if (about === undefined) {
      this.#break(index, 'about', `${when.kind} that points at no record`)
      return undefined
    }
    if (about.epoch !== this.#epoch) return undefined
    if (about.index < index) return about.index
    this.#break(index, 'about', `points forward to record ${about.index}`)
    return undefined
  }

  #checkWriter(index: number, same: boolean, how: How): void {
    if (same === (how.ended === 'interrupted')) {
      const whose = same ? 'its own incarnation' : 'another incarnation'
      this.#break(index, 'incarnation', `an intent of ${whose} ends as ${how.ended}`)
    }
  }

  #close(index: number, { exchange }: OpenIntent): void {
    this.#open.delete(index)
    this.#exchanges.delete(exchange)
  }

  #checkSystem({ when }: CheckedRecord, facts: SystemFacts | undefined): void {
    if (facts?.act === 'start') this.#heartbeatMs = facts.heartbeatMs
    if (facts?.act === 'stop') {
      this.#stopped = true
      this.#endOpen(
        (incarnation) => incarnation === when.incarnation,
        'the stop of its incarnation',
      )
    }
    if (facts?.act === 'recovery') {
      this.#owesRecovery = false
      this.#endOpen((incarnation) => incarnation !== when.incarnation, 'the recovery after it')
    }
  }

  /** Intents that had to be closed by now. Their ends may be among the records skipped since. */
  #endOpen(isDead: (incarnation: number) => boolean, what: string): void {
    for (const [index, intent] of this.#open) {
      if (!isDead(intent.incarnation)) continue
      this.#close(index, intent)
      const lastSkipped = this.#skipped.at(-1)?.to ?? 0
      if (lastSkipped <= index) this.#break(index, 'terminal', `no end by ${what}`)
    }
  }

  #wasSkipped(index: number): boolean {
    let [low, high] = [0, this.#skipped.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#skipped[middle]?.to ?? 0) > index) high = middle
      else low = middle + 1
    }
    return (this.#skipped[low]?.from ?? Number.POSITIVE_INFINITY) <= index
  }

  #break(index: number, rule: PairRule, why: string): void {
    this.#violations.push({ index, rule, why })
  }
}

function isStart({ when, act }: CheckedRecord): boolean {
  return when.kind === 'system' && (act as SystemFacts | undefined)?.act === 'start'
}
