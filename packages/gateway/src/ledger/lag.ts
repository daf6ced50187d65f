import type { Clock } from '../platform/index.ts'

/** How long the oldest waits of what is at each step; 0 where nothing waits. */
export interface LedgerLag {
  /** Appended, and not durable. */
  readonly unacknowledgedMs: number
  /** Durable, and not in tiles and blocks. */
  readonly unintegratedMs: number
  /** Durable, and in no checkpoint. */
  readonly unpublishedMs: number
}

type Step = keyof LedgerLag

/**
 * Since when the oldest entry waits at each step, at most: what stays behind when others go on
 * counts from when they set off.
 */
export class Lag {
  readonly #clock: Clock
  readonly #sinceMs: { [step in Step]: number | undefined } = {
    unacknowledgedMs: undefined,
    unintegratedMs: undefined,
    unpublishedMs: undefined,
  }

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get facts(): LedgerLag {
    const nowMs = this.#clock.ticksMs()
    const age = (step: Step): number => nowMs - (this.#sinceMs[step] ?? nowMs)
    return {
      unacknowledgedMs: age('unacknowledgedMs'),
      unintegratedMs: age('unintegratedMs'),
      unpublishedMs: age('unpublishedMs'),
    }
  }

  nowMs(): number {
    return this.#clock.ticksMs()
  }

  waits(step: Step): void {
    this.#sinceMs[step] ??= this.#clock.ticksMs()
  }

  /** Something is durable. */
  durable(): void {
    this.waits('unintegratedMs')
    this.waits('unpublishedMs')
  }

  /** What waited when the others set off, at `fromMs`, is over; something may have come since. */
  passed(step: Step, fromMs: number, isAll: boolean): void {
    this.#sinceMs[step] = isAll ? undefined : fromMs
  }
}
