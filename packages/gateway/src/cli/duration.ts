import { InvalidArgumentError } from 'commander'

const UNITS = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/** Reads `90s`, `15m`, `8h` or `7d`; in milliseconds. */
export function parseDuration(text: string): number {
  const [, count = '', unit = ''] = /^([1-9][0-9]{0,5})([smhd])$/.exec(text) ?? []
  if (count !== '') return Number(count) * UNITS[unit as keyof typeof UNITS]
  throw new InvalidArgumentError('Expected a time as 90s, 15m, 8h or 7d.')
}

/** The largest unit that leaves nothing small behind. */
export function formatDuration(ms: number): string {
  for (const [unit, unitMs] of Object.entries(UNITS).toReversed()) {
    if (ms >= 2 * unitMs || unit === 's') return `${Math.floor(ms / unitMs)}${unit}`
  }
  return '0s'
}
