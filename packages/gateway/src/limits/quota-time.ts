import type { Clock } from '../platform/index.ts'

/** Microseconds since 1970 that a wall clock which is set cannot make jump while we run. */
export function quotaTime(clock: Clock): () => number {
  const atUs = clock.nowUs()
  const atMs = clock.ticksMs()
  return () => atUs + Math.floor((clock.ticksMs() - atMs) * 1000)
}
