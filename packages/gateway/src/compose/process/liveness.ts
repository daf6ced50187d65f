import type { Clock } from '../../platform/index.ts'

/** How many signs of life fit into the time within which one is expected. */
const SIGNS = 3

export interface LivenessOptions {
  readonly clock: Clock
  /** Within what time a sign is expected. */
  readonly watchdogMs: number
  /** For how long what requests wait for has made no progress. */
  readonly stalledMs: () => number
  readonly tell: () => void
}

/**
 * Gives signs of life, from the loop that serves requests, as long as the ledger makes progress. A
 * ledger that says why it cannot write is alive: another process would meet the same disk.
 */
export function giveSignsOfLife({ clock, watchdogMs, stalledMs, tell }: LivenessOptions): {
  stop(): void
} {
  let timer = clock.after(0, sign)
  function sign(): void {
    if (stalledMs() < watchdogMs) tell()
    timer = clock.after(watchdogMs / SIGNS, sign)
  }
  return { stop: () => timer.cancel() }
}
