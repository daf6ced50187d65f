import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PackedRecord, PackedSection } from './packed-record.ts'
import { PackedRow, rowsOf } from './packed-row.ts'
import { saysRows } from './read-back.ts'
import { decodeTable } from './table-decoder.ts'
import { TableEncoder, type TableStreams } from './table-encoder.ts'

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
const encoder = new TableEncoder()
const rows = rowsOf(records)
const streams = streamsOf(rows)

function streamsOf(from: ReturnType<typeof rowsOf>): TableStreams<Uint8Array> {
  const row = new PackedRow()
  encoder.begin({ hasRecordIds: true, isWhole: false })
  for (let nth = 0; nth < from.count; nth++) {
    from.read(nth, row)
    encoder.add(row)
  }
  const { structure, numbers, texts, raw, blobs } = encoder.finish()
  const copy = (bytes: Uint8Array): Uint8Array => Uint8Array.from(bytes)
  return {
    structure: copy(structure),
    numbers: copy(numbers),
    texts: copy(texts),
    raw: copy(raw),
    blobs: copy(blobs),
  }
}

test('streams say the records that they were made of', () => {
  assert.equal(saysRows(streams, rows, encoder), true)
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
    assert.equal(saysRows(streams, rowsOf(other), encoder), false)
  })
}

const HEX = 'abcdef0123456789'.repeat(4)
const UUID = '0190163d-8694-739b-aea5-966c26f8ad'
const [TRACE, PARENT] = [HEX.slice(0, 31), HEX.slice(1, 17)]
const manifold = rowsOf(
  Array.from({ length: 40 }, (_, nth) => ({
    ...first,
    offset: 2 * nth,
    recordId: new Uint8Array(16).fill(nth),
    sections: [
      open(1, `{"at":"2026-11-21T08:10:00.0${10 + nth}456Z","n":${nth * nth - 70},"f":1.5}`),
      closed(2, nth % 3),
      open(5, `{"sha256":"${HEX.slice(0, 63)}${nth % 10}","u":"${UUID}${10 + nth}"}`),
      open(6, `{"p":"00-${TRACE}${nth % 7}-${PARENT}-01","s":"${'x'.repeat(nth % 5)}"}`),
      open(9, `\u0001 no json ${nth}`),
    ],
  })),
)

/** What a reader makes of streams; undefined where it refuses them. */
function readingOf(from: TableStreams<Uint8Array>): string | undefined {
  try {
    const table = decodeTable(from, { hasRecordIds: true })
    const read = Array.from({ length: table.rows }, (_, nth) => table.record(nth))
    return JSON.stringify(read, (_, value) => (value instanceof Uint8Array ? [...value] : value))
  } catch {
    return undefined
  }
}

test('no byte of the streams can change unseen, unless a reader reads the same', () => {
  const good = streamsOf(manifold)
  assert.equal(saysRows(good, manifold, encoder), true)
  const wanted = readingOf(good)
  assert.notEqual(wanted, undefined)
  let seen = 0
  for (const name of ['structure', 'numbers', 'texts', 'raw', 'blobs'] as const) {
    for (let at = 0; at < good[name].length; at++) {
      for (const flip of [0x01, 0x80, 0xff]) {
        const bytes = Uint8Array.from(good[name])
        bytes[at] = (bytes[at] ?? 0) ^ flip
        const bad = { ...good, [name]: bytes }
        if (saysRows(bad, manifold, encoder)) assert.equal(readingOf(bad), wanted, `${name} ${at}`)
        else seen++
      }
    }
    const cut = { ...good, [name]: good[name].subarray(1) }
    assert.equal(saysRows(cut, manifold, encoder), false, `${name} without its first byte`)
    const longer = { ...good, [name]: Buffer.concat([good[name], Buffer.alloc(1)]) }
    assert.equal(saysRows(longer, manifold, encoder), false, `${name} with a byte more`)
  }
  assert.ok(seen > 5_000, `${seen} changes were seen`)
})
