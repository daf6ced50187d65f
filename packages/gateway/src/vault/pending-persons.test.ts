import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PackedRow } from './packed-row.ts'
import { PendingPersons } from './pending-persons.ts'

const ARENA_BYTES = 1_048_576

function keyId(key: number): Uint8Array {
  // Some have one hash: their last bytes are the same.
  return Uint8Array.from({ length: 16 }, (_, at) => (at < 12 ? key >> (8 * (at % 2)) : key % 7))
}

/** A section of `length` bytes, in memory that is overwritten once it was added. */
function add(pending: PendingPersons, index: number, key: number, length: number): void {
  const memory = new Uint8Array(16 + length).fill(index % 256, 16)
  memory.set(keyId(key))
  const row = new PackedRow()
  row.put(0, 2, memory, 16, memory.length)
  row.keyAt[0] = 0
  pending.add(index, row, 0)
  memory.fill(0xee)
}

/** Of each key, its rows: the offset, and of each section its first byte and length. */
function said(pending: PendingPersons, first: number, end: number): unknown[] {
  const row = new PackedRow()
  return pending.between(first, end).map((rows) => [
    Buffer.from(rows.keyId).toString('hex'),
    Array.from({ length: rows.count }, (_, nth) => {
      rows.read(nth, row)
      const sections = Array.from({ length: row.count }, (_, at) => {
        const from = row.from[at] ?? new Uint8Array(0)
        const [start = 0, end = 0] = [row.start[at], row.end[at]]
        assert.equal(from[start - 5], 2, 'its id stands before it')
        assert.ok(from.subarray(start, end).every((byte) => byte === from[start]))
        return [end - start, end > start ? from[start] : undefined]
      })
      return [row.offset, ...sections]
    }),
  ])
}

const text = (key: number): string => Buffer.from(keyId(key)).toString('hex')

test('sections are grouped by key and entry, keys in order of first use', () => {
  const pending = new PendingPersons()
  for (const [index, key, length] of [
    [100, 5, 40],
    [100, 5, 3],
    [101, 12, 300],
    [102, 5, 0],
    [104, 12, 64],
    [105, 5, 1],
  ] as const) {
    add(pending, index, key, length)
  }
  assert.deepEqual(said(pending, 100, 105), [
    [
      text(5),
      [
        [0, [40, 100], [3, 100]],
        [2, [0, undefined]],
      ],
    ],
    [
      text(12),
      [
        [1, [300, 101]],
        [4, [64, 104]],
      ],
    ],
  ])
})

test('what is dropped leaves the rest as it was, over and over', () => {
  const pending = new PendingPersons()
  let added = 0
  for (let end = 700; end <= 7_000; end += 700) {
    // What comes while a segment is closed belongs to the next.
    for (; added < end + 50; added++) add(pending, added, added % 300, 5_000)
    const rows = said(pending, end - 700, end)
    assert.equal(rows.length, 300)
    for (const [nth, row] of rows.entries()) {
      const key = (end - 700 + nth) % 300
      const offsets = [nth, nth + 300, nth + 600].filter((offset) => offset < 700)
      const want = offsets.map((offset) => [offset, [5_000, (end - 700 + offset) % 256]])
      assert.deepEqual(row, [text(key), want])
    }
    pending.dropBefore(end)
    assert.deepEqual(said(pending, 0, end), [])
  }
  pending.dropBefore(added)
  assert.deepEqual(said(pending, 0, added), [])
})

test('rows stay as they are while more is added', () => {
  const pending = new PendingPersons()
  add(pending, 0, 1, 10)
  const [rows] = pending.between(0, 1)
  for (let index = 1; index < 5_000; index++) add(pending, index, index, 500)
  const row = new PackedRow()
  rows?.read(0, row)
  assert.deepEqual(row.from[0]?.subarray(row.start[0], row.end[0]), new Uint8Array(10))
  assert.deepEqual(rows?.keyId, keyId(1))
})

test('a section may be larger than what sections are mostly copied into', () => {
  const pending = new PendingPersons()
  add(pending, 1, 1, ARENA_BYTES)
  add(pending, 2, 1, 7)
  pending.dropBefore(2)
  assert.deepEqual(said(pending, 2, 3), [[text(1), [[0, [7, 2]]]]])
})
