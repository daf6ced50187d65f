import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { SampleExchanges } from '../../../../bench/exchanges.sample.ts'
import { decodePersons, decodeRecords, readRecords } from './columns.ts'
import { VaultError } from './errors.ts'
import { NO_RECORD_ID, type PackedRecord, type PackedSection } from './packed-record.ts'
import { packPersons, packRecords } from './testing.ts'

const text = (value: string): Uint8Array => Buffer.from(value)
const plain = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

function record(offset: number, sections: readonly PackedSection[]): PackedRecord {
  const recordId = Uint8Array.from({ length: 16 }, (_, at) => at + offset)
  return { offset, kind: 1, recordId, sections, opaque: undefined }
}

function readable(records: readonly PackedRecord[]): unknown {
  return records.map(({ offset, kind, recordId, opaque, sections }) => ({
    offset,
    kind,
    recordId: plain(recordId),
    opaque: opaque && plain(opaque),
    sections: sections.map((section) =>
      'bytes' in section
        ? [section.id, plain(section.bytes)]
        : [section.id, plain(section.keyId), plain(section.digest)],
    ),
  }))
}

/** Whatever the sections say, they come back byte for byte. */
function assertReadsBack(...sections: readonly string[]): void {
  const records = sections.map((each, at) => record(at, [{ id: 1, bytes: text(each) }]))
  assert.deepEqual(readable(decodeRecords(packRecords(records))), readable(records))
}

const LIKE_BUT_NOT = [
  ['a number with a leading zero', '{"n":007}', '{"n":7}'],
  ['minus zero', '{"n":-0}', '{"n":0}'],
  ['a fraction', '{"n":1.50}', '{"n":1}'],
  ['an exponent', '{"n":1E3}', '{"n":1000}'],
  ['more digits than a double holds', '{"n":12345678901234567890}', '{"n":1}'],
  ['the largest integer that is typed', '{"n":999999999999999}', '{"n":-999999999999999}'],
  ['digits in capitals', `{"h":"${'AB'.repeat(32)}"}`, `{"h":"${'ab'.repeat(32)}"}`],
  ['a uuid in capitals', '{"u":"0190163D-8694-739B-AEA5-966C26F8AD91"}'],
  [
    'a uuid, then text of that length',
    `{"u":"0190163d-8694-739b-aea5-966c26f8ad91"}`,
    `{"u":"${'x'.repeat(36)}"}`,
  ],
  [
    'a day that is none',
    '{"t":"2026-02-30T00:00:00.000000Z"}',
    '{"t":"2026-03-02T00:00:00.000000Z"}',
  ],
  ['a leap second', '{"t":"2026-12-31T23:59:60.000000Z"}'],
  ['29 February of a leap year', '{"t":"2028-02-29T23:59:59.999999Z"}'],
  ['the last microsecond of a column', '{"t":"2112-09-17T23:53:47.370495Z"}'],
  ['one microsecond more', '{"t":"2112-09-17T23:53:47.370496Z"}'],
  ['the end of years of four digits', '{"t":"9999-12-31T23:59:59.999999Z"}'],
  ['before 1970', '{"t":"1969-12-31T23:59:59.999999Z"}'],
  ['an escaped quote', String.raw`{"s":"a\"b","t":"\\"}`, String.raw`{"s":"a\\","t":"b"}`],
  ['an escaped name', String.raw`{"a\"":1}`],
  ['an escape before a control character', '{"s":"\\\u0001"}'],
  ['a bare line end in a string', '{"s":"a\nb"}', '{"s":"a"}'],
  ['marks of our own in a name', '{"\u0001":1}', '{"\u0002":2}'],
  ['empty strings and arrays', '{"s":"","a":[],"o":{}}', '{"s":"x","a":[],"o":{}}'],
  ['literals that change', '{"b":true}', '{"b":false}', '{"b":null}'],
  ['white space', '{ "a" : 1 , "b" : "x" }', '{"a":1,"b":"x"}'],
  ['a name that is a value', '["a","b"]', '["a"]'],
  ['an open string', '{"s":"abc'],
  ['a string that ends in its escape', '{"s":"abc\\'],
  ['nothing at all', ''],
  ['what is no JSON', '\u0000\u0007\u0005', '}}}""'],
  [
    'a traceparent',
    `{"t":"00-${'4b'.repeat(16)}-${'f0'.repeat(8)}-01"}`,
    `{"t":"00-${'4b'.repeat(16)}-${'f0'.repeat(8)}-00"}`,
  ],
  ['text beyond ASCII', '{"s":"Žluťoučký 🐎","é":"é"}'],
] as const
for (const [name, ...sections] of LIKE_BUT_NOT) {
  test(`${name}: the same bytes come back`, () => {
    assertReadsBack(...sections, ...sections)
  })
}

test('no text that looks like a time keeps a pack from being cut', () => {
  for (const at of [
    '2112-09-17T23:53:47.370495Z',
    '2112-09-17T23:53:47.370496Z',
    '9999-12-31T23:59:59.999999Z',
  ]) {
    for (const others of [[], ['1970-01-01T00:00:00.000000Z', '2026-11-21T08:10:00.000001Z']]) {
      const sections = [at, ...others].map((each) => ({ id: 1, bytes: text(`{"t":"${each}"}`) }))
      const records = sections.map((section, offset) => record(offset, [section]))
      assert.equal(readRecords(packRecords(records)).shapes.length > 0, true, at)
    }
  }
})

test('any JSON whatever comes back, whole packs of it', () => {
  const value = fc.jsonValue({ maxDepth: 3 })
  fc.assert(
    fc.property(fc.array(value, { maxLength: 40 }), (values) => {
      assertReadsBack(...values.map((each) => JSON.stringify(each)))
    }),
    { numRuns: 300 },
  )
})

test('any bytes whatever come back', () => {
  const alphabet = fc.constantFrom(...Array.from('{}[]":,\\ntrue0123456789abcdef-\u0001\n'))
  const near = fc.string({ unit: alphabet, maxLength: 80 })
  fc.assert(
    fc.property(fc.array(near, { maxLength: 20 }), (values) => {
      assertReadsBack(...values)
    }),
    { numRuns: 1000 },
  )
})

test('more shapes than a pack names: the rest is stored whole', () => {
  assertReadsBack(...Array.from({ length: 600 }, (_, at) => `{"name${at}":${at}}`))
})

test('closed sections, opaque payloads and unknown kinds stand beside each other', () => {
  const closed = { id: 2, keyId: new Uint8Array(16).fill(3), digest: new Uint8Array(32).fill(4) }
  const records: PackedRecord[] = [
    record(0, [{ id: 1, bytes: text('{"a":1}') }, closed]),
    { offset: 3, kind: 0, recordId: NO_RECORD_ID, sections: [], opaque: text('not a record') },
    { ...record(9, [closed, { id: 9, bytes: text('{"a":2}') }]), kind: 200 },
    { offset: 255, kind: 0, recordId: NO_RECORD_ID, sections: [], opaque: new Uint8Array(0) },
  ]
  assert.deepEqual(readable(decodeRecords(packRecords(records))), readable(records))
})

test("a person's sections come back with their places", () => {
  const samples = new SampleExchanges(1)
  const sections = Array.from({ length: 50 }, (_, at) => {
    const { who, where } = samples.next()
    return [
      { offset: at * 1000, id: 2, bytes: text(JSON.stringify(who)) },
      { offset: at * 1000, id: 4, bytes: text(JSON.stringify(where)) },
    ]
  }).flat()
  const back = decodePersons(packPersons(sections))
  const show = (each: (typeof sections)[number]): unknown => ({ ...each, bytes: plain(each.bytes) })
  assert.deepEqual(back.map(show), sections.map(show))
})

test('a block of like sections takes less than a third of its bytes, digests included', () => {
  const samples = new SampleExchanges(2)
  const records = Array.from({ length: 256 }, (_, at) => {
    return record(at, [{ id: 5, bytes: text(JSON.stringify(samples.next().what)) }])
  })
  const before = records.reduce((sum, { sections }) => {
    return (
      sum + sections.reduce((bytes, each) => bytes + ('bytes' in each ? each.bytes.length : 0), 0)
    )
  }, 0)
  assert.ok(packRecords(records).length < before / 3)
})

test('columns that no encoder wrote are malformed, never a crash or other records', () => {
  const samples = new SampleExchanges(3)
  const records = Array.from({ length: 20 }, (_, at) => {
    return record(at, [{ id: 5, bytes: text(JSON.stringify(samples.next().what)) }])
  })
  const good = packRecords(records)
  for (let at = 0; at < good.length; at++) {
    const bad = Uint8Array.from(good)
    bad[at] = (bad[at] ?? 0) ^ (1 + (at % 255))
    try {
      decodeRecords(bad)
    } catch (error) {
      assert.ok(error instanceof VaultError && error.code === 'VAULT_MALFORMED', String(error))
    }
  }
})
