import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseUuid } from '@countersign/evidence'
import { readExchange } from './exchange-id.ts'

const ID = '017f22e2-79b0-7000-bfff-ffffffffffff'

test('an id is read into memory that is given, as it is read elsewhere', () => {
  const memory = new Uint8Array(16)
  assert.equal(readExchange(ID, memory), memory)
  assert.deepEqual(memory, parseUuid(ID))
})

for (const [text, why] of [
  [ID.slice(1), 'it is too short'],
  [`${ID}0`, 'it is too long'],
  [ID.toUpperCase(), 'it is in capitals'],
  [`${ID.slice(0, 35)}\u0166`, 'its last character ends as a digit does'],
  [`\u0130${ID.slice(1)}`, 'its first character ends as a digit does'],
  ['\u{1f600}'.repeat(18), 'it has no character of one byte'],
  [`${ID.slice(0, 35)}\ud83d`, 'it ends in half a character'],
] as const) {
  test(`refused, because ${why}`, () => {
    readExchange(ID, new Uint8Array(16))
    assert.throws(() => readExchange(text, new Uint8Array(16)), { code: 'EVIDENCE_UUID' })
    assert.throws(() => parseUuid(text), { code: 'EVIDENCE_UUID' })
  })
}
