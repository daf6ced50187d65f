import type { Clock } from '../platform/index.ts'

/** A terminal and npm between them deliver one Ctrl-C twice. */
const REPEAT_MS_MAX = 2000

/** A shell's convention: 128 and the signal's number. */
const EXIT_CODES = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const
type StopSignal = keyof typeof EXIT_CODES
const ALL = Object.keys(EXIT_CODES) as StopSignal[]

/** The process, as far as it matters here. */
export interface Signalled {
  on(name: StopSignal, listener: () => void): unknown
  exit(code: number): void
}

/**
 * Resolves at the first signal to stop. One more within two seconds is the same wish delivered
 * again and is ignored; a later one ends the process there and then, and recovery has the rest.
 */
export function stopSignal(
  clock: Clock,
  signalled: Signalled = process,
  names: readonly StopSignal[] = ALL,
): Promise<StopSignal> {
  const { promise, resolve } = Promise.withResolvers<StopSignal>()
  let askedMs: number | undefined
  for (const name of names) {
    signalled.on(name, () => {
      askedMs ??= clock.ticksMs()
      if (clock.ticksMs() - askedMs > REPEAT_MS_MAX) signalled.exit(EXIT_CODES[name])
      resolve(name)
    })
  }
  return promise
}
