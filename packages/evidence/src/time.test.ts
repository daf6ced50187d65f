import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatTime, parseTime, TIME_US_MAX } from './time.ts'

for (const [us, text] of [
  [0, '1970-01-01T00:00:00.000000Z'],
  [1, '1970-01-01T00:00:00.000001Z'],
  [951_782_399_999_999, '2000-02-28T23:59:59.999999Z'],
  [951_782_400_000_000, '2000-02-29T00:00:00.000000Z'],
  [1_763_712_665_000_123, '2025-11-21T08:11:05.000123Z'],
  [4_107_542_400_000_000, '2100-03-01T00:00:00.000000Z'],
  [TIME_US_MAX, '2255-06-05T23:47:34.740991Z'],
] as const) {
  test(`${us} us is ${text}`, () => {
    assert.equal(formatTime(us), text)
    assert.equal(parseTime(text), us)
  })
}

test('every time is what Date says it is, and comes back', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: TIME_US_MAX }), (us) => {
      const text = formatTime(us)
      const ms = Math.floor(us / 1000)
      const rest = String(us - ms * 1000).padStart(3, '0')
      assert.equal(text, new Date(ms).toISOString().replace('Z', `${rest}Z`))
      assert.equal(parseTime(text), us)
    }),
    { numRuns: 2000 },
  )
})

for (const [text, why] of [
  ['2025-11-21T08:11:05.000123', 'it names no zone'],
  ['2025-11-21T08:11:05.000123+00:00', 'UTC is written Z'],
  ['2025-11-21T08:11:05.000Z', 'it has milliseconds only'],
  ['2025-11-21 08:11:05.000123Z', 'T stands between date and time'],
  ['2025-11-21T08:11:05.000123z', 'Z is a capital'],
  ['2025-02-29T00:00:00.000000Z', 'that year has no such day'],
  ['2025-13-01T00:00:00.000000Z', 'there is no such month'],
  ['2025-00-10T00:00:00.000000Z', 'months begin at one'],
  ['2025-01-00T00:00:00.000000Z', 'days begin at one'],
  ['2025-01-01T24:00:00.000000Z', 'the day has ended'],
  ['2016-12-31T23:59:60.000000Z', 'leap seconds are no times here'],
  ['1969-12-31T23:59:59.999999Z', 'it is before 1970'],
  ['9999-12-31T23:59:59.999999Z', 'its microseconds are no safe integer'],
] as const) {
  test(`refused, because ${why}: ${text}`, () => {
    assert.throws(() => parseTime(text), { code: 'EVIDENCE_TIME' })
  })
}

for (const us of [-1, 0.5, Number.NaN, TIME_US_MAX + 1]) {
  test(`${us} us is no time`, () => {
    assert.throws(() => formatTime(us), { code: 'EVIDENCE_TIME' })
  })
}
