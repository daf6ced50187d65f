import { performance } from 'node:perf_hooks'
import type { Clock } from './types.ts'

/**
 * The machine's clocks. Wall time comes from the monotonic counter for its microseconds, kept
 * within the millisecond that `Date.now` names, so it follows every step and slew of the real
 * clock.
 */
export function systemClock(): Clock {
  let offsetUs = performance.timeOrigin * 1000
  return {
    nowUs() {
      const ticksUs = performance.now() * 1000
      const earliestUs = Date.now() * 1000
      const wallUs = Math.floor(offsetUs + ticksUs)
      if (wallUs >= earliestUs && wallUs < earliestUs + 1000) return wallUs
      const nearestUs = wallUs < earliestUs ? earliestUs : earliestUs + 999
      offsetUs = nearestUs - ticksUs
      return nearestUs
    },
    ticksMs: () => performance.now(),
    after(delayMs, run) {
      const timer = setTimeout(run, delayMs)
      timer.unref()
      return { cancel: () => clearTimeout(timer) }
    },
    atTurnEnd: (run) => void setImmediate(run),
  }
}
