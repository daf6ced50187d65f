import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatReceipt, parseReceipt, receiptMessage } from './receipt.ts'

const leaf = Uint8Array.from({ length: 33 }, (_, at) => at)
const open = Uint8Array.from({ length: 16 }, (_, at) => 0xf0 + at)
const RECEIPT = { origin: 'demo.example/a"b\\c', epoch: 1, index: 41, leaf, open }
const TEXT =
  '"demo.example/a\\"b\\\\c"; epoch=1; index=41; ' +
  'leaf=:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g:; open=:8PHy8/T19vf4+fr7/P3+/w==:'

test('a receipt is one structured field, and comes back from it', () => {
  assert.equal(formatReceipt(RECEIPT), TEXT)
  assert.deepEqual(parseReceipt(TEXT), RECEIPT)
})

for (const [text, why] of [
  [`  ${TEXT}  `, 'spaces around a field mean nothing'],
  [TEXT.replaceAll('; ', ';'), 'spaces before a parameter mean nothing'],
  [`${TEXT}; later=?1; more=:AA==:; note="a;b"; flag`, 'a later version may say more'],
  [TEXT.replace('; epoch=1', '').replace('open=', 'epoch=1; open='), 'the order means nothing'],
] as const) {
  test(`read, because ${why}`, () => assert.deepEqual(parseReceipt(text), RECEIPT))
}

const without = (parameter: string): string => TEXT.replace(new RegExp(`; ${parameter}=[^;]*`), '')
for (const [text, why] of [
  ['', 'there is nothing'],
  [without('epoch'), 'the epoch is missing'],
  [without('index'), 'the index is missing'],
  [without('leaf'), 'the leaf is missing'],
  [without('open'), 'the opening value is missing'],
  [`${TEXT}; index=42`, 'the index is there twice'],
  [TEXT.replace('index=41', 'index=041'), 'the index has a leading zero'],
  [TEXT.replace('index=41', 'index=-1'), 'the index is negative'],
  [TEXT.replace('index=41', 'index=4.1'), 'the index is no integer'],
  [TEXT.replace('index=41', 'index=1234567890123456'), 'the index is no structured integer'],
  [TEXT.replace('index=41', 'index="41"'), 'the index is a string'],
  [TEXT.replace('AAEC', 'AA-C'), 'the leaf is in another alphabet'],
  [TEXT.replace('/w==', '/x=='), 'the opening value has another spelling'],
  [TEXT.replace('/w==', '/w'), 'the opening value has no padding'],
  [TEXT.replace('8PHy', ''), 'the opening value is short'],
  [TEXT.replace('"demo', 'demo'), 'the origin is no string'],
  [TEXT.replace('demo', 'dem\u00f6'), 'the origin is not ascii'],
  [TEXT.replace('\\"', '\\n'), 'the escape is unknown'],
  [`${TEXT}, ${TEXT}`, 'there are two'],
  [`${TEXT};`, 'a parameter has no name'],
  [TEXT.replace('; index', ' index'), 'a separator is missing'],
  [TEXT.padEnd(1200, ' '), 'it is too long'],
] as const) {
  test(`refused, because ${why}`, () => {
    assert.throws(() => parseReceipt(text), { code: 'EVIDENCE_RECEIPT' })
  })
}

test('an origin that no header can carry is refused', () => {
  for (const origin of ['', 'a\nb', 'd\u00e9mo']) {
    assert.throws(() => formatReceipt({ ...RECEIPT, origin }), { code: 'EVIDENCE_RECEIPT' })
  }
})

test('what is authenticated is the record: index, leaf and origin', () => {
  const message = Buffer.from(receiptMessage({ origin: 'o', index: 258, leaf }))
  const wanted = Buffer.concat([
    Buffer.from('countersign/receipt/v1\0'),
    Buffer.from('0000000000000102', 'hex'),
    leaf,
    Buffer.from('o'),
  ])
  assert.deepEqual(message, wanted)
})

test('any text is a receipt or an EvidenceError', () => {
  const part = fc.constantFrom('"a"', '; ', 'epoch=1', 'index=', '4', ':', 'leaf=:', '=', '\\', '"')
  fc.assert(
    fc.property(fc.array(part, { maxLength: 12 }), (parts) => {
      assert.throws(() => parseReceipt(parts.join('')), { code: 'EVIDENCE_RECEIPT' })
    }),
  )
})
