import { type Logger, pino } from 'pino'
import { systemClock } from '../platform/index.ts'

/** What waits for a reader that stands still; beyond it lines are left out, and counted. */
const WAITING_BYTES_MAX = 1_048_576

/** Standard error, as far as it matters here. */
export interface LogStream {
  /** Bytes that wait. */
  readonly writableLength: number
  write(text: string): unknown
}

/**
 * What an operator reads while it runs, a JSON line each on standard error. Written at once where
 * there is room, so that the last line before a crash is there; nobody waits for whoever reads it.
 * Nothing but named facts goes in: no request, no header and no configuration is ever handed to it
 * whole.
 */
export function operationalLog(level: string): Logger {
  const clock = systemClock()
  return pino(
    { level, base: null },
    boundedLines(process.stderr, () => clock.nowUs() / 1000),
  )
}

/** Lines for a stream, for as long as it takes them. */
export function boundedLines(
  stream: LogStream,
  nowMs: () => number,
): { write(line: string): void } {
  let dropped = 0
  return {
    write: (line) => {
      if (stream.writableLength > WAITING_BYTES_MAX) {
        dropped += 1
        return
      }
      if (dropped > 0) {
        const facts = {
          level: 50,
          time: Math.floor(nowMs()),
          dropped,
          msg: 'lines that nobody read',
        }
        stream.write(`${JSON.stringify(facts)}\n`)
        dropped = 0
      }
      stream.write(line)
    },
  }
}
