import { EvidenceError } from './error.ts'

const US_PER_SECOND = 1_000_000
const SECONDS_PER_DAY = 86_400

/** The newest time whose microseconds are a safe integer, in the year 2255. */
export const TIME_US_MAX = Number.MAX_SAFE_INTEGER

const FORM = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)\.(\d{6})Z$/

const FRACTION_AT = 20
const ZERO = 0x30

let cachedSecond = -1
/** The characters of the last time. */
const codes = Array.from({ length: 27 }, () => 0)

/**
 * Returns RFC 3339 in UTC with six decimals, always 27 characters: `2026-11-21T08:11:05.000123Z`.
 *
 * @param us  microseconds since 1970-01-01 UTC, 0 to TIME_US_MAX
 * @throws    EvidenceError EVIDENCE_TIME
 */
export function formatTime(us: number): string {
  if (!Number.isSafeInteger(us) || us < 0) {
    const message = `${us} us is no time from 1970 to 2255: is the clock set?`
    throw new EvidenceError('EVIDENCE_TIME', message)
  }
  const second = Math.floor(us / US_PER_SECOND)
  // Records come thousands a second: the date is worked out once for all of them.
  if (second !== cachedSecond) {
    const text = `${formatSecond(second)}.000000Z`
    for (let at = 0; at < text.length; at++) codes[at] = text.charCodeAt(at)
    cachedSecond = second
  }
  let rest = us - second * US_PER_SECOND
  for (let at = FRACTION_AT + 5; at >= FRACTION_AT; at--) {
    const tenth = Math.floor(rest / 10)
    codes[at] = ZERO + rest - 10 * tenth
    rest = tenth
  }
  return String.fromCharCode.apply(undefined, codes)
}

/**
 * Returns microseconds since 1970-01-01 UTC of a text in exactly the form of `formatTime`.
 *
 * @throws EvidenceError EVIDENCE_TIME for another form, a date that does not exist, a leap second
 */
export function parseTime(text: string): number {
  const parts = FORM.exec(text)?.slice(1).map(Number)
  if (parts === undefined) throw new EvidenceError('EVIDENCE_TIME', 'time has another form')
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, fraction = 0] = parts
  const seconds =
    daysBefore(year, month, day) * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second
  const us = seconds * US_PER_SECOND + fraction
  if (!Number.isSafeInteger(us) || us < 0 || formatTime(us) !== text) {
    throw new EvidenceError('EVIDENCE_TIME', 'time does not exist')
  }
  return us
}

function formatSecond(second: number): string {
  const days = Math.floor(second / SECONDS_PER_DAY)
  const rest = second - days * SECONDS_PER_DAY
  const clock = [Math.floor(rest / 3600), Math.floor(rest / 60) % 60, rest % 60]
  return `${formatDay(days)}T${clock.map((part) => padded(part, 2)).join(':')}`
}

/** Civil date from a day count: years start on 1 March, so that the leap day is the last one. */
function formatDay(days: number): string {
  const shifted = days + 719_468
  const era = Math.floor(shifted / 146_097)
  const ofEra = shifted - era * 146_097
  const leaps = Math.floor(ofEra / 1460) - Math.floor(ofEra / 36_524) + Math.floor(ofEra / 146_096)
  const yearOfEra = Math.floor((ofEra - leaps) / 365)
  const leapDays = Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100)
  const ofYear = ofEra - (365 * yearOfEra + leapDays)
  const monthFromMarch = Math.floor((5 * ofYear + 2) / 153)
  const day = ofYear - Math.floor((153 * monthFromMarch + 2) / 5) + 1
  const month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
  return `${padded(year, 4)}-${padded(month, 2)}-${padded(day, 2)}`
}

/** The inverse; months and days out of range give another date, which the caller notices. */
function daysBefore(year: number, month: number, day: number): number {
  const fromMarch = month <= 2 ? year - 1 : year
  const era = Math.floor(fromMarch / 400)
  const yearOfEra = fromMarch - era * 400
  const ofYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1
  const leapDays = Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100)
  return era * 146_097 + yearOfEra * 365 + leapDays + ofYear - 719_468
}

function padded(value: number, width: number): string {
  return String(value).padStart(width, '0')
}
