import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatUuid, makeUuid, parseUuid } from './uuid.ts'

test('a uuid is its time, version 7, variant 10 and random bits', () => {
  const ones = new Uint8Array(8).fill(0xff)
  const uuid = formatUuid(makeUuid(1_645_557_742_000_000, ones))
  assert.equal(uuid, '017f22e2-79b0-7000-bfff-ffffffffffff') // RFC 9562, appendix A.6: its time
  assert.equal(
    formatUuid(makeUuid(1_645_557_742_000_999, new Uint8Array(8))),
    '017f22e2-79b0-7ffb-8000-000000000000',
  )
})

test('uuids are ordered as their microseconds are, and come back from text', () => {
  const time = fc.integer({ min: 0, max: 2 ** 52 })
  const random = fc.uint8Array({ minLength: 8, maxLength: 8 })
  fc.assert(
    fc.property(time, random, random, (us, one, other) => {
      const first = makeUuid(us, one)
      const second = makeUuid(us + 1, other)
      assert.ok(formatUuid(first) < formatUuid(second))
      assert.deepEqual(parseUuid(formatUuid(first)), first)
    }),
  )
})

for (const [text, why] of [
  ['017F22E2-79B0-7000-BFFF-FFFFFFFFFFFF', 'it is in capitals'],
  ['017f22e279b07000bfffffffffffffff', 'it has no hyphens'],
  ['017f22e2-79b0-4000-bfff-ffffffffffff', 'it is of version 4'],
  ['017f22e2-79b0-7000-7fff-ffffffffffff', 'it is of another variant'],
  ['017f22e2-79b0-7000-bfff-fffffffffffff', 'it is too long'],
  [' 017f22e2-79b0-7000-bfff-ffffffffffff', 'it begins with a space'],
  ['', 'it is empty'],
] as const) {
  test(`refused, because ${why}`, () => {
    assert.throws(() => parseUuid(text), { code: 'EVIDENCE_UUID' })
  })
}

test('a uuid takes eight random bytes and a time', () => {
  assert.throws(() => makeUuid(0, new Uint8Array(7)), { code: 'EVIDENCE_UUID' })
  assert.throws(() => makeUuid(-1, new Uint8Array(8)), { code: 'EVIDENCE_UUID' })
  assert.throws(() => formatUuid(new Uint8Array(15)), { code: 'EVIDENCE_UUID' })
})

test('a uuid is written over another one, and leaves nothing of it', () => {
  const memory = new Uint8Array(16).fill(0xff)
  const zeros = new Uint8Array(8)
  const uuid = makeUuid(1_645_557_742_000_000, zeros, 0, memory)
  assert.equal(uuid, memory)
  assert.deepEqual(uuid, makeUuid(1_645_557_742_000_000, zeros))
})
