import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TransferRate } from './transfer-rate.ts'

for (const [name, { min, bytes, waitedMs }, want] of [
  ['the first wait is as long as a silence may be', { min: 100, bytes: 0, waitedMs: 0 }, 1000],
  ['what was waited is taken off', { min: 100, bytes: 0, waitedMs: 400 }, 600],
  ['what has come is time that was earned', { min: 100, bytes: 50, waitedMs: 1200 }, 300],
  ['never more than a silence', { min: 100, bytes: 1_000_000, waitedMs: 5000 }, 1000],
  ['who is too slow has no time left', { min: 100, bytes: 10, waitedMs: 5000 }, 1],
  ['without a rate only silence counts', { min: 0, bytes: 1, waitedMs: 90_000 }, 1000],
] as const) {
  test(`${name}: ${want} ms`, () => {
    const rate = new TransferRate(1000, min)
    rate.waited(waitedMs)
    assert.equal(rate.allowedMs(bytes), want)
  })
}
