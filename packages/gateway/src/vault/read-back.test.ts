import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readRecords } from './columns.ts'
import type { PackedRecord, PackedSection } from './packed-record.ts'
import { rowsOf } from './packed-row.ts'
import { saysRows } from './read-back.ts'
import { packRecords } from './testing.ts'

const open = (id: number, text: string): PackedSection => ({ id, bytes: Buffer.from(text) })
const closed = (id: number, fill: number): PackedSection => {
  return { id, keyId: new Uint8Array(16).fill(fill), digest: new Uint8Array(32).fill(fill) }
}

const first: PackedRecord = {
  offset: 3,
  kind: 1,
  recordId: new Uint8Array(16).fill(1),
  sections: [open(1, '{"a":1,"b":"one"}'), closed(2, 9), open(5, 'no json \u0001')],
  opaque: undefined,
}
const second: PackedRecord = {
  ...first,
  offset: 4,
  recordId: new Uint8Array(16).fill(2),
  sections: [open(1, '{"a":2,"b":"two"}')],
}
const third: PackedRecord = {
  ...second,
  offset: 5,
  kind: 0,
  sections: [],
  opaque: Buffer.from('opaque'),
}
const records = [first, second, third]
const table = readRecords(packRecords(records))

test('a table says the records that it was made of', () => {
  assert.equal(saysRows(table, rowsOf(records)), true)
})

const [when, who, what] = first.sections as [PackedSection, PackedSection, PackedSection]

for (const [name, other] of Object.entries<readonly PackedRecord[]>({
  'one record less': [first, second],
  'one record more': [...records, third],
  'another order': [second, first, third],
  'another offset': [{ ...first, offset: 2 }, second, third],
  'another kind': [{ ...first, kind: 2 }, second, third],
  'another record id': [{ ...first, recordId: new Uint8Array(16).fill(7) }, second, third],
  'another number': [first, { ...second, sections: [open(1, '{"a":3,"b":"two"}')] }, third],
  'another text': [first, { ...second, sections: [open(1, '{"a":2,"b":"twi"}')] }, third],
  'a longer section': [first, { ...second, sections: [open(1, '{"a":2,"b":"two"} ')] }, third],
  'a shorter section': [first, { ...second, sections: [open(1, '{"a":2,"b":"two"')] }, third],
  'another section id': [first, { ...second, sections: [open(5, '{"a":2,"b":"two"}')] }, third],
  'another section that no shape fits': [
    { ...first, sections: [when, who, open(5, 'no json \u0002')] },
    second,
    third,
  ],
  'a section less': [{ ...first, sections: [when, who] }, second, third],
  'a section more': [first, { ...second, sections: [...second.sections, what] }, third],
  'another closed section': [{ ...first, sections: [when, closed(2, 8), what] }, second, third],
  'a closed section that is open': [
    { ...first, sections: [when, open(2, 'x'), what] },
    second,
    third,
  ],
  'an open section that is closed': [
    { ...first, sections: [when, who, closed(5, 9)] },
    second,
    third,
  ],
  'another opaque payload': [first, second, { ...third, opaque: Buffer.from('0paque') }],
  'no opaque payload': [first, second, { ...third, opaque: undefined }],
  'an opaque payload where sections are': [first, { ...second, opaque: Buffer.from('x') }, third],
})) {
  test(`it does not say ${name}`, () => {
    assert.equal(saysRows(table, rowsOf(other)), false)
  })
}
