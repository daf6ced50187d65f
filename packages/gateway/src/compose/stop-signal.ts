import type { Clock } from '../platform/index.ts'

/** A terminal and npm between them deliver one Ctrl-C twice. */
const REPEAT_MS_MAX = 2000

const EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const

/**
 * Resolves at the first SIGINT or SIGTERM. One more within two seconds is the same wish delivered
 * again and is ignored; a later one ends the process there and then, and recovery has the rest.
 */
export function stopSignal(clock: Clock): Promise<'SIGINT' | 'SIGTERM'> {
  return new Promise((resolve) => {
    let askedMs: number | undefined
    for (const name of ['SIGINT', 'SIGTERM'] as const) {
      process.on(name, () => {
        askedMs ??= clock.ticksMs()
        if (clock.ticksMs() - askedMs > REPEAT_MS_MAX) process.exit(EXIT_CODES[name])
        resolve(name)
      })
    }
  })
}
