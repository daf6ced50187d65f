import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  decodeBase64,
  encodeBase64,
  leafIndex,
  parseDecimal,
  TlogError,
  treeSize,
} from './index.ts'

test('base64 of random bytes equals the native one, and decodes to them', () => {
  const bytes = fc.oneof(fc.uint8Array({ maxLength: 100 }), fc.constant(new Uint8Array(70_000)))
  const property = fc.property(bytes, (value) => {
    const text = encodeBase64(value)
    assert.equal(text, Buffer.from(value).toString('base64'))
    assert.deepEqual(decodeBase64(text), Uint8Array.from(value))
  })
  fc.assert(property)
})

for (const [text, why] of [
  ['AA', 'no padding'],
  ['AA=', 'half the padding'],
  ['AAA==', 'too much padding'],
  ['AB==', 'pad bits'],
  ['AAB=', 'pad bits'],
  ['AAAA\n', 'a newline'],
  [' AAAA', 'a space'],
  ['A A A A', 'spaces'],
  ['-_==', 'the URL alphabet'],
  ['AAAA=', 'padding where none belongs'],
  ['AA==AAAA', 'padding in the middle'],
  ['A', 'six bits'],
  ['=', 'nothing but padding'],
  ['ÀAAA', 'another letter'],
] as const) {
  test(`base64 ${JSON.stringify(text)} is refused: ${why}`, () => {
    assert.throws(() => decodeBase64(text), codeIs('TLOG_BASE64'))
  })
}

test('decimals are read in one spelling, to 2^53 - 1', () => {
  for (const value of [0, 7, 10, 999, 2 ** 53 - 1]) assert.equal(parseDecimal(`${value}`), value)
  for (const text of ['', '00', '01', '-1', '-0', '+1', ' 1', '1 ', '1\n', '1.0', '1e3', '0x1']) {
    assert.throws(() => parseDecimal(text), codeIs('TLOG_DECIMAL'))
  }
  for (const text of ['9007199254740992', '18446744073709551615', '٣']) {
    assert.throws(() => parseDecimal(text), codeIs('TLOG_DECIMAL'))
  }
})

test('an index and a size are safe integers from 0', () => {
  assert.equal(leafIndex(2 ** 53 - 2), 2 ** 53 - 2)
  assert.equal(treeSize(2 ** 53 - 1), 2 ** 53 - 1)
  for (const value of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53]) {
    assert.throws(() => leafIndex(value), codeIs('TLOG_NUMBER_RANGE'))
    assert.throws(() => treeSize(value), codeIs('TLOG_NUMBER_RANGE'))
  }
  assert.throws(() => leafIndex(2 ** 53 - 1), codeIs('TLOG_NUMBER_RANGE'))
})

function codeIs(code: string): (error: unknown) => boolean {
  return (error) => error instanceof TlogError && error.code === code
}
