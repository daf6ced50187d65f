import type { Clock } from '../platform/index.ts'

const FAULT_EVERY_MS = 10_000

/** What strangers, or a store that is away, can cause without end: once in a while says as much. */
export function seldom(clock: Clock, tell: (fault: unknown) => void): (fault: unknown) => void {
  let untilMs = Number.NEGATIVE_INFINITY
  return (fault) => {
    const nowMs = clock.ticksMs()
    if (nowMs < untilMs) return
    untilMs = nowMs + FAULT_EVERY_MS
    tell(fault)
  }
}
