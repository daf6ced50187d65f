import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { VaultError } from './errors.ts'
import { NO_RECORD_ID, type PackedRecord } from './packed-record.ts'
import { PackedRow, type RowSource, rowsOf } from './packed-row.ts'
import { encodePayload, readPayload } from './payload.ts'
import { saysPlainRows } from './row-check.ts'
import { readRows } from './row-reader.ts'
import { RowWriter } from './row-writer.ts'

const UUID = '019f5a3c-0000-7000-8000-0000000000aa'
const ID = Buffer.from(UUID.replaceAll('-', ''), 'hex')
const LEDGER_KEY = new Uint8Array(16).fill(1)
const OPTIONS = { hasRecordIds: true }

interface Section {
  readonly id: number
  readonly text: string
  /** Undefined: under the ledger's key. */
  readonly key: number | undefined
}

/** Rows as the packer reads them: out of payloads, whose sections have their heads before them. */
function payloadRows(entries: readonly (readonly Section[])[]): RowSource {
  const payloads = entries.map((sections) =>
    Uint8Array.from(
      encodePayload({
        kind: 1,
        recordId: ID,
        ledgerKeyId: LEDGER_KEY,
        sections: sections.map(({ id, text, key }) => ({
          id,
          bytes: Buffer.from(text),
          keyId: key === undefined ? LEDGER_KEY : new Uint8Array(16).fill(key),
          digest: new Uint8Array(32).fill(key ?? 0),
        })),
        rows: [],
      }),
    ),
  )
  return {
    count: payloads.length,
    read(nth, row) {
      const payload = payloads[nth] ?? NO_RECORD_ID
      row.offset = nth
      readPayload(payload, 0, payload.length, row)
    },
  }
}

/** The same, section by section. */
function recordsOf(entries: readonly (readonly Section[])[]): readonly PackedRecord[] {
  return entries.map((sections, offset) => ({
    offset,
    kind: 1,
    recordId: ID,
    sections: sections.map(({ id, text, key }) =>
      key === undefined
        ? { id, bytes: Buffer.from(text) }
        : { id, keyId: new Uint8Array(16).fill(key), digest: new Uint8Array(32).fill(key) },
    ),
    opaque: undefined,
  }))
}

const open = (id: number, text: string): Section => ({ id, text, key: undefined })
const closed = (id: number, key: number): Section => ({ id, text: 'theirs', key })

const ENTRIES = [
  [open(1, `{"id":"${UUID}"}`), closed(2, 3), closed(3, 3), open(4, '{"a":1}'), open(5, '{}')],
  [open(1, `{"id":"${UUID}"}`), open(6, ''), open(7, '{"b":2}')],
  [closed(1, 4), open(9, 'x'.repeat(300))],
  [],
]

function packed(rows: RowSource): Uint8Array {
  const plain = new RowWriter().encode(rows, OPTIONS)
  assert.ok(plain !== undefined)
  return Uint8Array.from(plain)
}

const section = fc.record({
  text: fc.string({ maxLength: 60 }),
  key: fc.option(fc.integer({ min: 2, max: 5 }), { nil: undefined }),
})

test('rows out of payloads, copied run by run, are those that are copied one by one', () => {
  fc.assert(
    fc.property(fc.array(fc.array(section, { maxLength: 8 }), { maxLength: 20 }), (rows) => {
      const entries = rows.map((sections) => sections.map((each, at) => ({ id: at + 1, ...each })))
      const plain = packed(payloadRows(entries))
      assert.deepEqual(plain, packed(rowsOf(recordsOf(entries))))
      assert.ok(saysPlainRows(plain, rowsOf(recordsOf(entries)), OPTIONS))
    }),
    { numRuns: 100 },
  )
})

test('whatever byte is changed, a pack says these rows only where the reader reads them', () => {
  const plain = packed(payloadRows(ENTRIES))
  const wanted = tableRows(plain)
  for (let at = 0; at < plain.length; at++) {
    for (const change of [0x01, 0x41, 0x80, 0xff]) {
      const bad = Uint8Array.from(plain)
      bad[at] = (bad[at] ?? 0) ^ change
      for (const rows of [payloadRows(ENTRIES), rowsOf(recordsOf(ENTRIES))]) {
        if (!saysPlainRows(bad, rows, OPTIONS)) continue
        assert.deepEqual(tableRows(bad), wanted, `byte ${at}`)
      }
    }
  }
})

test('a pack that ends early or goes on says nothing', () => {
  const plain = packed(payloadRows(ENTRIES))
  for (let length = 0; length < plain.length; length++) {
    assert.equal(saysPlainRows(plain.subarray(0, length), payloadRows(ENTRIES), OPTIONS), false)
  }
  const more = Buffer.concat([plain, Buffer.alloc(1)])
  assert.equal(saysPlainRows(more, payloadRows(ENTRIES), OPTIONS), false)
})

test('rows that differ anywhere are not those of the pack', () => {
  const plain = packed(payloadRows(ENTRIES))
  const others: readonly (readonly [string, readonly (readonly Section[])[]])[] = [
    ['a row less', ENTRIES.slice(1)],
    ['a row more', [...ENTRIES, []]],
    ['another text', ENTRIES.with(3, [open(1, '')])],
    ['another key', ENTRIES.with(2, [closed(1, 5), open(9, 'x'.repeat(300))])],
    ['another id of a section', ENTRIES.with(2, [closed(1, 4), open(8, 'x'.repeat(300))])],
    ['open what is closed', ENTRIES.with(2, [open(1, ''), open(9, 'x'.repeat(300))])],
  ]
  for (const [name, entries] of others) {
    assert.equal(saysPlainRows(plain, payloadRows(entries), OPTIONS), false, name)
    assert.equal(saysPlainRows(plain, rowsOf(recordsOf(entries)), OPTIONS), false, name)
  }
})

test('a row of as many sections as mark an opaque payload is not taken for one', () => {
  const row = new PackedRow()
  const sections = Array.from({ length: 255 }, (_, at) => open(at + 1, ''))
  payloadRows([sections]).read(0, row)
  assert.equal(row.count, 255)
  assert.equal(new RowWriter().encode(payloadRows([sections]), OPTIONS), undefined)
})

/** What the reader of packs makes of it; `undefined` where it refuses. */
function tableRows(plain: Uint8Array): unknown {
  try {
    const table = readRows(plain, OPTIONS)
    return Array.from({ length: table.rows }, (_, row) => JSON.stringify(table.record(row)))
  } catch (error) {
    if (error instanceof VaultError) return undefined
    throw error
  }
}
