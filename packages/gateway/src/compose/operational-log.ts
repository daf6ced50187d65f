import { destination, type Logger, pino } from 'pino'

/**
 * What an operator reads while it runs, a JSON line each on standard error. Written at once, so
 * that the last line before a crash is there. Nothing but named facts goes in: no request, no
 * header and no configuration is ever handed to it whole.
 */
export function operationalLog(level: string): Logger {
  return pino({ level, base: null }, destination({ fd: 2, sync: true }))
}
