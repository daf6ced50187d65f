import { formatTime, type Reason } from '@countersign/evidence'
import type { Limits } from '../limits/index.ts'
import type { Clock } from '../platform/index.ts'
import type { ExchangeRecorder, Recorded, RefusalDraft } from './recording.ts'

/** Reasons that anybody can cause as fast as they can send: only these are ever folded. */
const FOLDABLE: ReadonlySet<Reason> = new Set([
  'malformed-request',
  'malformed-framing',
  'head-too-large',
  'uri-too-long',
  'request-timeout',
  'overloaded',
  'shutting-down',
])

interface Fold {
  readonly fromUs: number
  /** Durable before the first refusal that it counts is sent. */
  readonly opening: Promise<unknown>
  count: number
}

interface Rate {
  tokens: number
  atMs: number
}

/**
 * Writes refusals down: one record each, up to a rate. Beyond it, refusals that cost the sender
 * nothing are counted in a fold, so that noise cannot fill the ledger and still is in it.
 */
export class Refusals {
  readonly #clock: Clock
  readonly #recorder: ExchangeRecorder
  readonly #limits: () => Limits
  readonly #rates = new Map<Reason, Rate>()
  readonly #folds = new Map<Reason, Fold>()

  constructor(parts: {
    readonly clock: Clock
    readonly recorder: ExchangeRecorder
    /** Those in force now. */
    readonly limits: () => Limits
  }) {
    this.#clock = parts.clock
    this.#recorder = parts.recorder
    this.#limits = parts.limits
  }

  /** Resolves when the refusal is durable: its record, or undefined where a fold counts it. */
  async record(reason: Reason, draft: () => RefusalDraft): Promise<Recorded | undefined> {
    const fold = this.#folds.get(reason)
    if (fold === undefined && (!FOLDABLE.has(reason) || this.#takesToken(reason))) {
      return this.#recorder.refusal(draft())
    }
    const counted = await this.#count(fold ?? this.#open(reason), reason)
    return counted ? undefined : this.#recorder.refusal(draft())
  }

  /** Closes every fold now. */
  async close(): Promise<void> {
    await Promise.allSettled([...this.#folds.keys()].map((reason) => this.#closeFold(reason)))
  }

  /** False where the fold has no opening on record, and so cannot count. */
  async #count(fold: Fold, reason: Reason): Promise<boolean> {
    try {
      await fold.opening
    } catch {
      if (this.#folds.get(reason) === fold) this.#folds.delete(reason)
      return false
    }
    fold.count += 1
    return true
  }

  #open(reason: Reason): Fold {
    const fromUs = this.#clock.nowUs()
    const facts = { act: 'open', reason, from: formatTime(fromUs) } as const
    const fold = { fromUs, opening: this.#recorder.act('fold', facts), count: 0 }
    this.#folds.set(reason, fold)
    this.#closeLater(reason)
    return fold
  }

  #closeLater(reason: Reason): void {
    this.#clock.after(this.#limits().foldMs, () => {
      this.#closeFold(reason).catch(() => this.#closeLater(reason)) // Kept, and counted on.
    })
  }

  async #closeFold(reason: Reason): Promise<void> {
    const fold = this.#folds.get(reason)
    if (fold === undefined) return
    await fold.opening
    const { fromUs, count } = fold
    const until = formatTime(this.#clock.nowUs())
    await this.#recorder.act('fold', {
      act: 'close',
      reason,
      from: formatTime(fromUs),
      until,
      count,
    })
    if (fold.count === count) this.#folds.delete(reason)
    else this.#reopen(reason, fold, count)
  }

  /** Counted while the closing was written: they belong to a fold of their own, opened at once. */
  #reopen(reason: Reason, fold: Fold, closed: number): void {
    this.#open(reason).count = fold.count - closed
  }

  #takesToken(reason: Reason): boolean {
    const perSecond = this.#limits().refusalsPerSecondMax
    const nowMs = this.#clock.ticksMs()
    const rate = this.#rates.get(reason) ?? { tokens: perSecond, atMs: nowMs }
    const grown = rate.tokens + ((nowMs - rate.atMs) / 1000) * perSecond
    const tokens = Math.min(perSecond, grown)
    const takes = tokens >= 1
    this.#rates.set(reason, { tokens: takes ? tokens - 1 : tokens, atMs: nowMs })
    return takes
  }
}
