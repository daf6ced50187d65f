import type { Sha256 } from '@countersign/tlog'
import type { AnyActFacts, FoldFacts, GapFacts, SystemFacts, WindowFacts } from './act-types.ts'
import { FoldPairs } from './fold-pairs.ts'
import type { ExchangeKind, Kind } from './kinds.ts'
import { ProgressPairs } from './progress-pairs.ts'
import type { ClockState, Ended, How, Progress, RecordPlace, When } from './section-types.ts'
import { ShortLived } from './short-lived.ts'
import { formatTime, parseTime } from './time.ts'
import { parseUuid } from './uuid.ts'
import { WindowPairs } from './window-pairs.ts'

/** The rules that hold between records, by name. */
export type PairRule =
  | 'about'
  | 'terminal'
  | 'incarnation'
  | 'silence'
  | 'time'
  | 'fold'
  | 'progress'
  | 'window'

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
  /** The `what` of `system`, `gap` and `fold` records. */
  readonly act?: AnyActFacts | undefined
  /** The `how` of outcomes and progress, where it could be opened. */
  readonly how?: How | Progress | undefined
}

/** As CheckedRecord, of an exchange of whose clock nothing is told: for whoever reads columns. */
export interface ExchangeFacts {
  readonly index: number
  readonly kind: ExchangeKind
  /** The 16 bytes of its id, a character each. */
  readonly exchange: string
  readonly atUs: number
  readonly incarnation: number
  readonly about: RecordPlace | undefined
  readonly ended: Ended | undefined
  /** It may have been acted on before it was durable. */
  readonly isRelaxed: boolean
}

interface Facts {
  readonly index: number
  readonly kind: Kind
  readonly exchange: string
  readonly atUs: number
  readonly incarnation: number
  readonly about: RecordPlace | undefined
  readonly ended: Ended | undefined
  readonly isRelaxed: boolean
  readonly clock?: ClockState | undefined
  readonly act?: AnyActFacts | undefined
  readonly how?: How | Progress | undefined
}

interface OpenIntent {
  readonly exchange: string
  readonly incarnation: number
}

/** What a `worker-lost` at `index` told of and no record has ended yet. */
interface Lost {
  readonly index: number
  readonly intents: number
  readonly folds: number
}

const NOTHING_LOST: Lost = { index: 0, intents: 0, folds: 0 }

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
  readonly #open = new ShortLived<number, OpenIntent>()
  readonly #exchanges = new ShortLived<string, number>()
  readonly #folds = new FoldPairs()
  readonly #windows = new WindowPairs()
  readonly #progress: ProgressPairs
  readonly #skipped: { from: number; to: number }[] = []
  #incarnation: number | undefined
  #heartbeatMs: number | undefined
  #stopped = false
  /** What this incarnation has told that it ends as interrupted of its own, and not ended yet. */
  #lost = NOTHING_LOST
  #owesRecovery = false
  // The record before this one; undefined at the start and after a record that was skipped.
  #lastUs: number | undefined
  // The highest time since the last start of a process that had nothing to compare with.
  #highestUs = 0
  #violations: PairViolation[] = []

  constructor({ epoch, sha256 }: { readonly epoch: number; readonly sha256: Sha256 }) {
    this.#epoch = epoch
    this.#progress = new ProgressPairs(sha256)
  }

  /** Intents without an end so far. */
  get openIntents(): number {
    return this.#open.size
  }

  /** Says whether what ends this intent is held against a progress: `addExchange` has no counts. */
  hasProgress(intent: number): boolean {
    return this.#progress.has(intent)
  }

  /** Returns the rules that this record breaks, mostly none. */
  add({ index, when, act, how }: CheckedRecord): readonly PairViolation[] {
    const { kind, incarnation, about, clock, exchange = '' } = when
    return this.#add({
      index,
      kind,
      exchange: exchangeKey(exchange),
      atUs: parseTime(when.at),
      incarnation,
      about,
      ended: how !== undefined && 'ended' in how ? how.ended : undefined,
      isRelaxed: when.recording === 'relaxed',
      clock,
      act,
      how,
    })
  }

  /** As `add`; never of a progress, nor of an outcome with digests of messages or `hasProgress`. */
  addExchange(facts: ExchangeFacts): readonly PairViolation[] {
    return this.#add(facts)
  }

  #add(facts: Facts): readonly PairViolation[] {
    if (this.#violations.length > 0) this.#violations = []
    this.#checkIncarnation(facts)
    this.#checkTime(facts)
    this.#checkPair(facts)
    if (facts.kind === 'fold') this.#checkFold(facts, facts.act as FoldFacts | undefined)
    else if (facts.kind === 'gap') this.#checkGap(facts, facts.act as GapFacts | undefined)
    else if (facts.kind === 'window') this.#checkWindow(facts, facts.act as WindowFacts | undefined)
    else if (facts.kind === 'system') this.#checkSystem(facts, facts.act as SystemFacts)
    this.#lastUs = facts.atUs
    return this.#violations
  }

  /** Notes a record that cannot be read or understood: nothing is concluded from or about it. */
  skip(index: number): void {
    this.#windows.skip()
    const last = this.#skipped.at(-1)
    if (last !== undefined && last.to === index) last.to = index + 1
    else this.#skipped.push({ from: index, to: index + 1 })
    this.#lastUs = undefined
    this.#highestUs = 0
    this.#owesRecovery = false
  }

  #checkIncarnation(facts: Facts): void {
    const { index, kind, incarnation } = facts
    if (incarnation === this.#incarnation) {
      if (this.#stopped) this.#break(index, 'incarnation', 'written after the stop')
      return
    }
    if (this.#incarnation !== undefined && incarnation < this.#incarnation) {
      this.#break(index, 'incarnation', 'written by an incarnation that a later one replaced')
      return
    }
    // The first record of a ledger names the epoch; the start follows it.
    const first = index === 0 && kind === 'epoch'
    const unknown = this.#wasSkipped(index - 1)
    if (!isStart(facts) && !first && !unknown) {
      this.#break(index, 'incarnation', 'an incarnation begins without a start')
    }
    this.#owesRecovery = this.#incarnation !== undefined && !this.#stopped && !unknown
    this.#incarnation = incarnation
    this.#stopped = false
    this.#lost = NOTHING_LOST
    this.#heartbeatMs = undefined
  }

  #checkTime(facts: Facts): void {
    const { index, kind, atUs, clock, act } = facts
    const flagged = clock !== undefined && (clock !== 'unknown' || isStart(facts))
    if (clock !== undefined) this.#windows.leap()
    if (atUs < this.#highestUs && !flagged) {
      this.#break(index, 'time', `at ${formatTime(atUs)} is before an earlier record`)
    }
    this.#highestUs = clock === 'unknown' ? atUs : Math.max(this.#highestUs, atUs)
    if (this.#heartbeatMs === undefined || this.#lastUs === undefined || flagged) return
    const allowedUs = (2 * this.#heartbeatMs + SILENCE_GRACE_MS) * 1000
    if (atUs - this.#lastUs <= allowedUs) return
    if (kind === 'gap' && this.#explains(act as GapFacts, atUs, allowedUs)) return
    const seconds = Math.round((atUs - this.#lastUs) / 1_000_000)
    this.#break(index, 'silence', `nothing tells of the ${seconds} s before it`)
  }

  #explains(gap: GapFacts | undefined, atUs: number, allowedUs: number): boolean {
    if (gap === undefined || this.#lastUs === undefined) return false
    if (gap.reason === 'fold-interrupted' || gap.reason === 'window-interrupted') return false
    const before = parseTime(gap.from) - this.#lastUs
    return before <= allowedUs && atUs - parseTime(gap.until) <= allowedUs
  }

  #checkPair(facts: Facts): void {
    const { index, kind } = facts
    if (kind === 'intent') this.#openIntent(facts)
    else if (kind === 'outcome' || kind === 'progress') this.#concernsOpen(facts)
    else if (kind === 'delivery') this.#concernsEarlier(facts)
    if (facts.isRelaxed) {
      const why = this.#windows.relaxed(facts.incarnation, facts.atUs)
      if (why !== undefined) this.#break(index, 'window', why)
    }
    const traffic = kind === 'intent' || kind === 'refusal'
    if (!traffic || !this.#owesRecovery) return
    this.#owesRecovery = false
    this.#break(index, 'incarnation', 'traffic before the recovery of what came before')
  }

  #openIntent({ index, exchange, incarnation }: Facts): void {
    const twin = this.#exchanges.get(exchange)
    if (twin !== undefined) {
      this.#break(index, 'terminal', `its exchange was begun by record ${twin} already`)
    }
    this.#open.set(index, { exchange, incarnation })
    this.#exchanges.set(exchange, index)
  }

  #concernsOpen(facts: Facts): void {
    const { index, kind, exchange, incarnation, ended, how } = facts
    const about = this.#concernsEarlier(facts)
    if (about === undefined) return
    const intent = this.#open.get(about)
    if (intent === undefined) {
      if (this.#wasSkipped(about)) return
      this.#break(index, 'terminal', `record ${about} is not an intent that is still open`)
      return
    }
    if (intent.exchange !== exchange) {
      this.#break(index, 'about', `record ${about} is of another exchange`)
      return
    }
    if (ended !== undefined) this.#checkWriter(facts, about, intent.incarnation === incarnation)
    if (kind === 'progress' && intent.incarnation !== incarnation) {
      this.#break(index, 'incarnation', 'tells of an intent of another incarnation as going on')
    }
    const why =
      kind === 'outcome' ? this.#progress.end(about, how) : how && this.#progress.add(about, how)
    if (why !== undefined) this.#break(index, 'progress', why)
    if (kind === 'outcome') this.#close(about, intent)
  }

  #concernsEarlier({ index, kind, about }: Facts): number | undefined {
    if (about === undefined) {
      this.#break(index, 'about', `${kind} that points at no record`)
      return undefined
    }
    if (about.epoch !== this.#epoch) return undefined
    if (about.index < index) return about.index
    this.#break(index, 'about', `points forward to record ${about.index}`)
    return undefined
  }

  #checkWriter({ index, ended }: Facts, about: number, same: boolean): void {
    if (same !== (ended === 'interrupted')) return
    if (same && this.#isLost('intents', about)) return
    const whose = same ? 'its own incarnation' : 'another incarnation'
    this.#break(index, 'incarnation', `an intent of ${whose} ends as ${ended}`)
  }

  /** Whether what began at `about` is one that a lost worker left open: then it is ended. */
  #isLost(what: 'intents' | 'folds', about: number): boolean {
    const left = this.#lost[what]
    if (left > 0 && about < this.#lost.index) {
      this.#lost = { ...this.#lost, [what]: left - 1 }
      return true
    }
    return (this.#skipped.at(-1)?.to ?? 0) > about
  }

  #close(index: number, { exchange }: OpenIntent): void {
    this.#open.delete(index)
    this.#exchanges.delete(exchange)
  }

  #checkFold(facts: Facts, fold: FoldFacts | undefined): void {
    const { index, incarnation } = facts
    if (fold?.act === 'open') this.#folds.open(index, incarnation, fold)
    if (fold === undefined || fold.act === 'open') return
    const about = this.#concernsEarlier(facts)
    if (about === undefined || this.#wasSkipped(about)) return
    const why = this.#folds.count(about, incarnation, fold)
    if (why !== undefined) this.#break(index, 'fold', why)
  }

  #checkGap(facts: Facts, gap: GapFacts | undefined): void {
    const isFold = gap?.reason === 'fold-interrupted'
    if (gap === undefined || (!isFold && gap.reason !== 'window-interrupted')) return
    const about = this.#concernsEarlier(facts)
    if (about === undefined || this.#wasSkipped(about)) return
    const why = isFold
      ? this.#folds.interrupt(about, facts.incarnation, gap, () => this.#isLost('folds', about))
      : this.#windows.interrupt(about, facts.incarnation, gap)
    if (why !== undefined) this.#break(facts.index, isFold ? 'fold' : 'window', why)
  }

  #checkWindow(facts: Facts, window: WindowFacts | undefined): void {
    if (window === undefined) return
    const about = window.act === 'open' ? undefined : this.#concernsEarlier(facts)
    if (window.act !== 'open' && about === undefined) return
    const why = this.#windows.add(facts, window, about)
    if (why !== undefined) this.#break(facts.index, 'window', why)
  }

  #checkSystem({ index, incarnation: own }: Facts, facts: SystemFacts | undefined): void {
    if (facts?.act === 'start') this.#heartbeatMs = facts.heartbeatMs
    if (facts?.act === 'worker-lost') {
      const intents = this.#lost.intents + facts.interrupted
      this.#lost = { index, intents, folds: this.#lost.folds + facts.folds }
    }
    if (facts?.act === 'stop') {
      this.#stopped = true
      const left = this.#lost.intents + this.#lost.folds
      const isWhole = (this.#skipped.at(-1)?.to ?? 0) <= this.#lost.index
      if (left > 0 && isWhole) this.#break(index, 'terminal', `${left} more were told to be lost`)
      this.#endOpen((incarnation) => incarnation === own, 'the stop of its incarnation')
    }
    if (facts?.act === 'recovery') {
      this.#owesRecovery = false
      this.#endOpen((incarnation) => incarnation !== own, 'the recovery after it')
    }
  }

  /** Intents that had to be closed by now. Their ends may be among the records skipped since. */
  #endOpen(isDead: (incarnation: number) => boolean, what: string): void {
    for (const [index, intent] of this.#open.entries()) {
      if (!isDead(intent.incarnation)) continue
      this.#close(index, intent)
      this.#progress.end(index, undefined)
      const lastSkipped = this.#skipped.at(-1)?.to ?? 0
      if (lastSkipped <= index) this.#break(index, 'terminal', `no end by ${what}`)
    }
    const lastSkipped = this.#skipped.at(-1)?.to ?? 0
    for (const index of this.#folds.takeDead(isDead)) {
      if (lastSkipped <= index) this.#break(index, 'fold', `no end by ${what}`)
    }
    for (const index of this.#windows.takeDead(isDead)) {
      if (lastSkipped <= index) this.#break(index, 'window', `no end by ${what}`)
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

function isStart({ kind, act }: Facts): boolean {
  return kind === 'system' && (act as SystemFacts | undefined)?.act === 'start'
}

const UUID_CHARACTERS = 36

/** As ExchangeFacts has it; what is no id stands for itself. */
function exchangeKey(text: string): string {
  return text.length === UUID_CHARACTERS ? String.fromCharCode(...parseUuid(text)) : text
}
