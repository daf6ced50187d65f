import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ByteWriter } from './byte-stream.ts'
import { VaultError } from './errors.ts'
import { NO_RECORD_ID, type PackedRecord, type PackedSection } from './packed-record.ts'
import { rowsOf } from './packed-row.ts'
import { readRows } from './row-reader.ts'
import { RowWriter } from './row-writer.ts'

const UUID = '019f5a3c-0000-7000-8000-0000000000aa'
const ID = Buffer.from(UUID.replaceAll('-', ''), 'hex')
const open = (id: number, text: string): PackedSection => ({ id, bytes: Buffer.from(text) })
const closed = (id: number, key: number): PackedSection => {
  return { id, keyId: new Uint8Array(16).fill(key), digest: new Uint8Array(32).fill(id + key) }
}

function record(offset: number, sections: readonly PackedSection[], recordId = ID): PackedRecord {
  return { offset, kind: 1, recordId, sections, opaque: undefined }
}

function opaque(offset: number, bytes: Uint8Array): PackedRecord {
  return { offset, kind: 0, recordId: NO_RECORD_ID, sections: [], opaque: bytes }
}

function packed(records: readonly PackedRecord[], hasRecordIds = true): Uint8Array {
  const plain = new RowWriter().encode(rowsOf(records), { hasRecordIds })
  assert.ok(plain !== undefined)
  return Uint8Array.from(plain)
}

function assertReadsBack(records: readonly PackedRecord[], hasRecordIds = true): void {
  const table = readRows(packed(records, hasRecordIds), { hasRecordIds })
  const back = records.map((_, row) => table.record(row))
  assert.deepEqual(plainly(back), plainly(records))
}

/** Views and Buffers of the same bytes are the same. */
function plainly(records: readonly PackedRecord[]): unknown {
  return JSON.parse(
    JSON.stringify(records, (_, value) =>
      value instanceof Uint8Array || value?.type === 'Buffer'
        ? Buffer.from(value instanceof Uint8Array ? value : value.data).toString('hex')
        : value,
    ),
  )
}

const CASES: readonly (readonly [string, readonly PackedRecord[]])[] = [
  ['nothing', []],
  ['a record whose first section says its id', [record(0, [open(1, `{"id":"${UUID}"}`)])]],
  ['a record that says another id', [record(0, [open(1, `{"id":"${UUID.replace('aa', 'ab')}"}`)])]],
  ['a record that says no id', [record(9, [open(1, '{}'), open(2, '')])]],
  [
    'a record that says its id too late',
    [record(0, [open(1, `{"x":"${'x'.repeat(99)}${UUID}"}`)])],
  ],
  ['a record whose first section is sealed elsewhere', [record(3, [closed(1, 7), open(5, UUID)])]],
  ['a record without sections', [record(0, []), record(255, [])]],
  [
    'ids here and there',
    [
      record(0, [open(1, UUID)]),
      record(1, [open(1, 'no')]),
      record(5, [open(1, `"${UUID}"`), closed(2, 1), closed(4, 1), closed(5, 2)]),
    ],
  ],
  [
    'payloads that are no records',
    [opaque(0, Buffer.alloc(0)), opaque(7, Buffer.alloc(70_000, 7))],
  ],
  [
    'a section of every length around a byte of length',
    [255, 256, 65_535, 65_536].map((length, at) => record(at, [open(1, 'x'.repeat(length))])),
  ],
]

for (const [name, records] of CASES) {
  test(`${name} reads back`, () => assertReadsBack(records))
}

test('whatever the sections are, they come back byte for byte', () => {
  const section = fc.record({ bytes: fc.uint8Array({ maxLength: 300 }), key: fc.option(fc.nat(3)) })
  const row = fc.record({
    skipped: fc.nat(300),
    kind: fc.nat(255),
    id: fc.uint8Array({ minLength: 16, maxLength: 16 }),
    sections: fc.array(section, { maxLength: 9 }),
  })
  fc.assert(
    fc.property(fc.array(row, { maxLength: 40 }), (rows) => {
      let offset = 0
      const records = rows.map(({ skipped, kind, id, sections }) => {
        offset += skipped + 1
        const made = sections.map(({ bytes, key }, nth) =>
          key === null ? { id: nth + 1, bytes } : closed(nth + 1, key),
        )
        return { ...record(offset, made, Buffer.from(id)), kind }
      })
      assertReadsBack(records)
      const persons = records.map((each) => ({ ...each, recordId: NO_RECORD_ID }))
      assertReadsBack(persons, false)
    }),
    { numRuns: 100 },
  )
})

test('rows out of order are our own fault, and refused', () => {
  assert.throws(() => packed([record(1, []), record(1, [])]), VaultError)
})

test('a pack of which a byte was changed reads as something else, or is refused', () => {
  const records = [
    record(0, [open(1, `{"id":"${UUID}"}`), closed(2, 1)]),
    opaque(4, Buffer.from('x')),
  ]
  const plain = packed(records)
  for (let at = 0; at < plain.length; at++) {
    const bad = Uint8Array.from(plain)
    bad[at] = (bad[at] ?? 0) ^ 0x41
    try {
      const table = readRows(bad, { hasRecordIds: true })
      const back = Array.from({ length: table.rows }, (_, row) => table.record(row))
      assert.notDeepEqual(plainly(back), plainly(records), `byte ${at}`)
    } catch (error) {
      assert.ok(error instanceof VaultError)
      assert.equal(error.code, 'VAULT_MALFORMED')
    }
  }
})

const HUGE = 2 ** 40

/** Rows that stand as they are, with what the head claims of them. */
function claimed(
  rows: readonly number[],
  count: number,
  claims: readonly number[] = [],
): Uint8Array {
  const head = new ByteWriter()
  const [bytes = rows.length, ids = 0, framed = rows.length] = claims
  for (const number of [count, bytes, ids, framed]) head.number(number)
  return Buffer.concat([head.bytes, Buffer.from(rows)])
}

const HOSTILE: readonly (readonly [string, Uint8Array])[] = [
  ['rows', claimed([0, 1, 0, 0], HUGE)],
  ['rows than there are bytes', claimed([0, 1, 0, 0], 100_000)],
  ['bytes of rows', claimed([0, 1, 0, 0], 1, [HUGE, 0, 4])],
  ['bytes of a frame', claimed([0, 1, 0, 0], 1, [4, 0, HUGE])],
  ['ids', claimed([0, 1, 0, 0], 1, [4, HUGE])],
  ['sections', claimed([0, 1, 200, 0, 1, 0, 0, 0, 0], 1)],
  ['bytes of a section', claimed([0, 1, 1, 0, 1, 0xff, 0xff, 0xff, 0], 1)],
  ['places', claimed([0, 1, 1, 90, 1, 0, 0, 0, 0], 1)],
  ['entries that were skipped', claimed([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1], 1)],
  ['states of a section', claimed([0, 1, 1, 0, 1, 0, 0, 0, 2], 1)],
  ['digests', claimed([0, 1, 1, 0, 2, 0, 0, 0, 1, ...new Uint8Array(16)], 1)],
  ['payloads in one row', claimed([0, 0, 255, 1, 0, 0, 0, 0], 1)],
]

for (const [name, plain] of HOSTILE) {
  test(`more than there can be: ${name}`, () => {
    assert.throws(
      () => readRows(plain, { hasRecordIds: true }),
      (error) => error instanceof VaultError && error.code === 'VAULT_MALFORMED',
    )
  })
}
