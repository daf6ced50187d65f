import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { SimulatedDisk } from '../platform/index.ts'
import { blockPath, parseBlockPath, personsPath } from './block-path.ts'
import { decodePersons, decodeRecords } from './columns.ts'
import { openKeyRow, readKeyRow } from './key-row.ts'
import { splitPacks } from './pack.ts'
import { isSameRecord, NO_RECORD_ID, type PackedRecord } from './packed-record.ts'
import { rowsOf } from './packed-row.ts'
import { decodePayload } from './payload.ts'
import { readRows } from './row-reader.ts'
import { RowWriter } from './row-writer.ts'
import { batchOf, EPOCH_DIRECTORY, KEK, packPersons, packRecords, Rig } from './testing.ts'

// What was written once must be readable for ever. UPDATE=1 writes the vectors anew: only while the
// layout is new, or beside the old ones for a new layout.
const PATH = new URL('../../../../test/vectors/vault.json', import.meta.url)
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const unhex = (text: unknown): Uint8Array => Buffer.from(String(text), 'hex')
const ADA = { issuer: 'https://login.example.org', id: 'ada@example.org' }

interface Vectors {
  readonly [name: string]: unknown
}

async function made(): Promise<Vectors> {
  const rig = await Rig.open(new SimulatedDisk())
  const ids = ['0190163d-8694-739b-aea5-966c26f8ad91', '0190163d-8694-739b-aea5-966c26f8ad92']
  const entries = ids.map((id, at) =>
    rig.entry('intent', [
      { name: 'when', value: { v: 1, id, at: `2026-11-21T08:10:00.00000${at}Z` } },
      { name: 'who', value: { principal: { id: ADA.id, kind: 'user' } }, subject: ADA },
      { name: 'what', value: { path: `/orders/${at}`, sha256: 'ab'.repeat(32), bytes: 1000 + at } },
    ]),
  )
  rig.packer.add(batchOf(0, entries))
  await rig.packer.closeSegment({ first: 0, end: 2 })
  const block = await rig.disk.read(`${EPOCH_DIRECTORY}/records/000.p/2`)
  const persons = await rig.disk.read(`${EPOCH_DIRECTORY}/persons/0000000000000000`)
  const payload = entries[0]?.payload ?? new Uint8Array(0)
  const rows = decodePayload(payload)?.rows ?? []
  return {
    origin: 'example.org/log/test',
    kek: '1f'.repeat(32),
    kekCheckValue: hex(KEK.checkValue),
    keyRows: rows.map(hex),
    keys: rows.map((row) => hex(openKeyRow(row, KEK.wrapKey))),
    payload: hex(payload),
    block: hex(block),
    persons: hex(persons),
    plainRecords: hex(packRecords(entries.map(recordOf))),
    plainPersons: hex(packPersons([{ offset: 7, id: 2, bytes: Buffer.from('{"a":"b"}') }])),
    layout2Records: hex(packRows(entries.map(recordOf), true)),
    layout2Persons: hex(packRows([personRow(7, '{"a":"b"}')], false)),
    texts: entries.map(({ texts }) => texts),
  }
}

function recordOf({ payload }: { readonly payload: Uint8Array }, offset: number): PackedRecord {
  const { kind = 0, recordId = payload, sections = [] } = decodePayload(payload) ?? {}
  const packed = sections.map(({ id, bytes, keyId, digest }) =>
    digest === undefined ? { id, bytes } : { id, keyId, digest },
  )
  return { offset, kind, recordId, sections: packed, opaque: undefined }
}

function personRow(offset: number, text: string): PackedRecord {
  const sections = [{ id: 2, bytes: Buffer.from(text) }]
  return { offset, kind: 0, recordId: NO_RECORD_ID, sections, opaque: undefined }
}

function packRows(records: readonly PackedRecord[], hasRecordIds: boolean): Uint8Array {
  const plain = new RowWriter().encode(rowsOf(records), { hasRecordIds })
  return Uint8Array.from(plain ?? [])
}

if (process.env.UPDATE === '1') {
  writeFileSync(PATH, `${JSON.stringify(await made(), undefined, 2)}\n`)
}
const vectors = JSON.parse(readFileSync(PATH, 'utf8')) as Vectors

test('a key row of the vectors opens to its key', () => {
  const keys = (vectors.keyRows as string[]).map((row) => {
    assert.equal(typeof readKeyRow(unhex(row)), 'object')
    return hex(openKeyRow(unhex(row), KEK.wrapKey))
  })
  assert.deepEqual(keys, vectors.keys)
  assert.equal(hex(KEK.checkValue), vectors.kekCheckValue)
})

test('the payload of the vectors reads as its sections', () => {
  const sections = decodePayload(unhex(vectors.payload))?.sections ?? []
  const [texts] = vectors.texts as string[][]
  assert.deepEqual(
    sections.map(({ bytes }) => Buffer.from(bytes).toString()),
    texts,
  )
})

test('the plaintexts of the vectors read as records and sections', () => {
  const records = decodeRecords(unhex(vectors.plainRecords))
  const open = records.map(({ sections }) =>
    sections.map((section) => ('bytes' in section ? Buffer.from(section.bytes).toString() : '')),
  )
  const texts = vectors.texts as string[][]
  assert.deepEqual(
    open,
    texts.map(([when, , what]) => [when, '', what]),
  )
  const [person] = decodePersons(unhex(vectors.plainPersons))
  assert.deepEqual(
    { ...person, bytes: hex(person?.bytes ?? new Uint8Array(0)) },
    {
      offset: 7,
      id: 2,
      bytes: hex(Buffer.from('{"a":"b"}')),
    },
  )
})

test('the plaintexts of layout 2 say what those of layout 1 say', () => {
  const table = readRows(unhex(vectors.layout2Records), { hasRecordIds: true })
  const records = Array.from({ length: table.rows }, (_, row) => table.record(row))
  const columns = decodeRecords(unhex(vectors.plainRecords))
  assert.equal(records.length, 2)
  for (const [at, record] of records.entries()) assert.ok(isSameRecord(record, columns[at]))
  const person = readRows(unhex(vectors.layout2Persons), { hasRecordIds: false })
  assert.deepEqual([person.rows, person.offset(0)], [1, 7])
  assert.equal(Buffer.from(person.sectionBytes(0, 0) ?? []).toString(), '{"a":"b"}')
})

test('the sealed block of the vectors opens with the key rows of the vectors', async () => {
  const rig = await Rig.open(new SimulatedDisk(), 99)
  for (const row of vectors.keyRows as string[]) rig.ring.learn(unhex(row))
  await rig.ring.flush()
  await rig.disk.makeDirectory(`${EPOCH_DIRECTORY}/records/000.p`)
  await rig.disk.makeDirectory(`${EPOCH_DIRECTORY}/persons`)
  await put(rig, 'records/000.p/2', unhex(vectors.block))
  await put(rig, 'persons/0000000000000000', unhex(vectors.persons))
  const { records, faults } = await rig.reader().block(0)
  assert.deepEqual(faults, [])
  const texts = records.map(({ sections }) =>
    sections.map(({ open }) => open && Buffer.from(open.bytes).toString()),
  )
  assert.deepEqual(texts, vectors.texts)
})

async function put(rig: Rig, path: string, bytes: Uint8Array): Promise<void> {
  const file = await rig.disk.open(`${EPOCH_DIRECTORY}/${path}`, { for: 'write', create: 'new' })
  await file.write(0, bytes)
  await file.close()
}

test('a block begins with its magic, and a pack header says what the document says', () => {
  const block = unhex(vectors.block)
  assert.equal(Buffer.from(block.subarray(0, 4)).toString(), 'CSB1')
  const [pack, ...others] = splitPacks('records/000.p/2', block)
  assert.deepEqual(others, [])
  assert.deepEqual([pack?.header.from, pack?.header.to, pack?.header.ordinal], [0, 2, 0])
  assert.equal(pack?.header.layout, 1)
})

for (const [path, want] of [
  [blockPath('records', 0), 'records/000'],
  [blockPath('acts', 1234067), 'acts/x001/x234/067'],
  [blockPath('records', 999, 17), 'records/999.p/17'],
  [personsPath(65536), 'persons/0000000000065536'],
] as const) {
  test(`${want} is a name of ours, and only in that form`, () => {
    assert.equal(path, want)
    assert.ok(parseBlockPath(want) !== undefined)
  })
}

for (const path of [
  'records/0',
  'records/x000/001', // a leading group of zeros
  'records/000.p/0',
  'records/000.p/256', // the full block has another name
  'records/000.p/017',
  'records/000/',
  'persons/65536',
  'persons/9999999999999999', // not a safe integer
  'people/000',
  'records/../acts/000',
]) {
  test(`${path} is no name of ours`, () => {
    assert.equal(parseBlockPath(path), undefined)
  })
}
