/** RFC 3339 in the one form that the recorder writes, as microseconds and back. */
export const TIME_BYTES = 27

/** Beyond it, in the year 2112, a column of integers does not hold them. */
const TIME_US_MAX = 2 ** 52 - 1

const ZERO = 0x30
const DAY_US = 86_400_000_000
const FORM = 'dddd-dd-ddTdd:dd:dd.ddddddZ'
const DIGIT = 'd'.charCodeAt(0)
const form = Uint8Array.from(FORM, (character) => character.charCodeAt(0))
const MONTH_DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

/**
 * Microseconds since 1970; −1 for anything that `writeTime` would not write just so, and for what
 * no column holds: callers choose some of these texts.
 */
export function parseTimeUs(bytes: Uint8Array, start: number): number {
  for (let at = 0; at < TIME_BYTES; at++) {
    const byte = bytes[start + at] ?? 0
    const want = form[at] ?? 0
    if (want === DIGIT ? byte < ZERO || byte > ZERO + 9 : byte !== want) return -1
  }
  const year = number(bytes, start, 4)
  const month = number(bytes, start + 5, 2)
  const day = number(bytes, start + 8, 2)
  const hour = number(bytes, start + 11, 2)
  const minute = number(bytes, start + 14, 2)
  const second = number(bytes, start + 17, 2)
  if (year < 1970 || hour > 23 || minute > 59 || second > 59) return -1
  if (month < 1 || month > 12 || day < 1 || day > daysIn(year, month)) return -1
  const seconds = (daysFromCivil(year, month, day) * 24 + hour) * 3600 + minute * 60 + second
  const timeUs = seconds * 1_000_000 + number(bytes, start + 20, 6)
  return timeUs <= TIME_US_MAX ? timeUs : -1
}

/** Writes TIME_BYTES at `at`. */
export function writeTime(into: Uint8Array, at: number, timeUs: number): void {
  const day = Math.floor(timeUs / DAY_US)
  into.set(dayText(day), at)
  const us = timeUs - day * DAY_US
  const second = Math.floor(us / 1_000_000)
  digits(into, at + 11, 2, Math.floor(second / 3600))
  into[at + 13] = 0x3a
  digits(into, at + 14, 2, Math.floor(second / 60) % 60)
  into[at + 16] = 0x3a
  digits(into, at + 17, 2, second % 60)
  into[at + 19] = 0x2e
  digits(into, at + 20, 6, us - second * 1_000_000)
  into[at + 26] = 0x5a
}

let lastDay = -1
const lastDayText = new Uint8Array(11)

function dayText(day: number): Uint8Array {
  if (day === lastDay) return lastDayText
  lastDay = day
  const { year, month, dayOfMonth } = civilFromDays(day)
  digits(lastDayText, 0, 4, year)
  lastDayText[4] = 0x2d
  digits(lastDayText, 5, 2, month)
  lastDayText[7] = 0x2d
  digits(lastDayText, 8, 2, dayOfMonth)
  lastDayText[10] = 0x54
  return lastDayText
}

function digits(into: Uint8Array, at: number, count: number, value: number): void {
  let rest = value
  for (let digit = count - 1; digit >= 0; digit--) {
    into[at + digit] = ZERO + (rest % 10)
    rest = Math.floor(rest / 10)
  }
}

function number(bytes: Uint8Array, start: number, count: number): number {
  let value = 0
  for (let at = start; at < start + count; at++) value = value * 10 + (bytes[at] ?? 0) - ZERO
  return value
}

function daysIn(year: number, month: number): number {
  const isLeap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0
  return month === 2 && isLeap ? 29 : (MONTH_DAYS[month - 1] ?? 0)
}

// Days of the proleptic Gregorian calendar, years from March so that leap days come last.
function daysFromCivil(year: number, month: number, day: number): number {
  const from = month <= 2 ? year - 1 : year
  const era = Math.floor(from / 400)
  const yearOfEra = from - era * 400
  const dayOfYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1
  const dayOfEra =
    yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear
  return era * 146_097 + dayOfEra - 719_468
}

function civilFromDays(days: number): { year: number; month: number; dayOfMonth: number } {
  const shifted = days + 719_468
  const era = Math.floor(shifted / 146_097)
  const dayOfEra = shifted - era * 146_097
  const leaps = Math.floor(dayOfEra / 1460) - Math.floor(dayOfEra / 36_524)
  const yearOfEra = Math.floor((dayOfEra - leaps + Math.floor(dayOfEra / 146_096)) / 365)
  const start = 365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100)
  const dayOfYear = dayOfEra - start
  const shiftedMonth = Math.floor((5 * dayOfYear + 2) / 153)
  const dayOfMonth = dayOfYear - Math.floor((153 * shiftedMonth + 2) / 5) + 1
  const month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
  return { year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfMonth }
}
