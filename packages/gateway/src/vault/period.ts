/** Calendar spans in UTC, as microseconds. */
export interface Period {
  readonly fromUs: number
  readonly toUs: number
}

const DAY_US = 86_400_000_000

export function dayOf(atUs: number): Period {
  const fromUs = Math.floor(atUs / DAY_US) * DAY_US
  return { fromUs, toUs: fromUs + DAY_US }
}

export function monthOf(atUs: number): Period {
  const index = monthIndex(atUs)
  return { fromUs: monthStartUs(index), toUs: monthStartUs(index + 1) }
}

/** Months since January 1970. */
export function monthIndex(atUs: number): number {
  const date = new Date(Math.floor(atUs / 1000))
  return (date.getUTCFullYear() - 1970) * 12 + date.getUTCMonth()
}

/** `2026-11`, for file names. */
export function monthName(index: number): string {
  const year = 1970 + Math.floor(index / 12)
  const month = (index % 12) + 1
  return `${String(year).padStart(4, '0')}-${String(month).padStart(2, '0')}`
}

function monthStartUs(index: number): number {
  return Date.UTC(1970 + Math.floor(index / 12), index % 12) * 1000
}
