import { isLong } from './long.ts'
import { Extension } from './values.ts'

const SECOND_MS = 1000n
const MINUTE_MS = 60n * SECOND_MS
const HOUR_MS = 60n * MINUTE_MS
export const DAY_MS: bigint = 24n * HOUR_MS
/** Milliseconds of the units that durations are counted in. */
export const UNITS_MS = {
  toMilliseconds: 1n,
  toSeconds: SECOND_MS,
  toMinutes: MINUTE_MS,
  toHours: HOUR_MS,
  toDays: DAY_MS,
} as const

const DECIMAL = /^(-?)([0-9]+)\.([0-9]{1,4})$/
const DURATION = /^(-?)(?:([0-9]+)d)?(?:([0-9]+)h)?(?:([0-9]+)m)?(?:([0-9]+)s)?(?:([0-9]+)ms)?$/
const DATETIME =
  /^(\d{4})-(\d\d)-(\d\d)(?:T(\d\d):(\d\d):(\d\d)(?:\.(\d{3}))?(?:Z|([+-])(\d\d)(\d\d)))?$/

/** `decimal("…")`: at most four digits after the point, and at least one. */
export function parseDecimal(text: string): Extension | undefined {
  const [, sign, whole = '', fraction = ''] = DECIMAL.exec(text) ?? []
  if (sign === undefined) return undefined
  const digits = BigInt(whole + fraction.padEnd(4, '0'))
  const number = sign === '-' ? -digits : digits
  return isLong(number) ? new Extension('decimal', number) : undefined
}

/** `duration("…")`: days, hours, minutes, seconds and milliseconds, in this order. */
export function parseDuration(text: string): Extension | undefined {
  const [, sign, ...counts] = DURATION.exec(text) ?? []
  if (sign === undefined || counts.every((count) => count === undefined)) return undefined
  const [days = 0, hours = 0, minutes = 0, seconds = 0, milliseconds = 0] = counts.map((count) =>
    BigInt(count ?? 0),
  )
  const parts = [
    BigInt(days) * DAY_MS,
    BigInt(hours) * HOUR_MS,
    BigInt(minutes) * MINUTE_MS,
    BigInt(seconds) * SECOND_MS,
    BigInt(milliseconds),
  ]
  const sum = parts.reduce((total, part) => total + part, 0n)
  const number = sign === '-' ? -sum : sum
  return isLong(number) ? new Extension('duration', number) : undefined
}

/** `datetime("…")`: a date, or a date with a time in UTC or with an offset. */
export function parseDatetime(text: string): Extension | undefined {
  const match = DATETIME.exec(text)
  if (match === null) return undefined
  const numbers = match.map((part) => Number(part ?? 0))
  const [, year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, ms = 0] = numbers
  const [, , , , , , , , , offsetHours = 0, offsetMinutes = 0] = numbers
  if (hour > 23 || minute > 59 || second > 59) return undefined
  if (offsetHours > 23 || offsetMinutes > 59) return undefined
  const date = new Date(0)
  date.setUTCFullYear(year, month - 1, day)
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return undefined
  date.setUTCHours(hour, minute, second, ms)
  const east = (match[8] === '-' ? -1 : 1) * (offsetHours * 60 + offsetMinutes)
  return new Extension('datetime', BigInt(date.getTime()) - BigInt(east) * MINUTE_MS)
}
