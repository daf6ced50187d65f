// The vectors of docs/format.md, and a header taken apart by hand as that text says.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { LeafIndex } from '@countersign/tlog'
import { nodeSha256, SeededRandom } from '../platform/index.ts'
import { Batch } from './batch.ts'
import { FRAME_HEADER_BYTES, readFrameHeader, writeFrameHeader } from './frame.ts'
import { formatLockRecord, parseLockRecord } from './lock-record.ts'
import { OpenIntents } from './open-intents.ts'
import { encodeSegmentHeader, openSegmentHeader } from './segment-header.ts'
import { hasCode, NOBODY, segmentSealer, text } from './testing.ts'

const document = readFileSync(
  join(import.meta.dirname, '../../../../docs/format.md'),
  'utf8',
).replaceAll(' ', '')

test('the frame of the document is the frame that is written', () => {
  const intents = new OpenIntents([{ index: 7 as LeafIndex, tag: new Uint8Array(16) }])
  const batch = new Batch()
  const opens = new Uint8Array(16).fill(1)
  batch.add({ leaf: text('a'), payload: text('bc'), opens }, intents, NOBODY)
  const closes = 7 as LeafIndex
  batch.add({ leaf: text('d'), payload: text(''), closes }, intents, NOBODY)
  const frame = new Uint8Array(FRAME_HEADER_BYTES)
  const header = {
    sealedBytes: batch.byteLength + 16,
    first: 41 as LeafIndex,
    count: 2,
    counter: 3,
  }
  writeFrameHeader(header, frame)
  assert.ok(document.includes(Buffer.from(batch.plain()).toString('hex')))
  assert.ok(document.includes(Buffer.from(frame).toString('hex')))
  assert.deepEqual(readFrameHeader(frame, 0), header)
})

test('a segment header has the fields of the document, and opens only whole', () => {
  const sealer = segmentSealer(new SeededRandom(1))
  const key = sealer.newSegment()
  const originHash = nodeSha256.digest(text('origin'))
  const intents = [{ index: 9 as LeafIndex, tag: new Uint8Array(16).fill(4) }]
  const header = { epoch: 1, first: 65_536 as LeafIndex, incarnation: 3, originHash, intents }
  const bytes = Buffer.from(encodeSegmentHeader(header, key))
  const hex = (from: number, to: number): string => bytes.subarray(from, to).toString('hex')
  assert.equal(bytes.toString('latin1', 0, 4), 'CSW1')
  assert.equal(hex(4, 16), `${bytes.length.toString(16).padStart(8, '0')}000000010020${'0000'}`)
  assert.equal(hex(16, 32), '00000000000100000000000000000003')
  assert.deepEqual(bytes.subarray(32, 64), Buffer.from(originHash))
  assert.equal(hex(64, 72), '0000000100000000')
  assert.deepEqual(bytes.subarray(72, 104), Buffer.from(key.wrapped))
  assert.equal(hex(104, 128), `0000000000000009${'04'.repeat(16)}`)
  assert.equal(bytes.length, 128 + 16)
  assert.deepEqual(openSegmentHeader('x.wal', bytes, sealer).header.intents[0]?.index, 9)
  for (let at = 0; at < bytes.length; at += 1) {
    const bad = Uint8Array.from(bytes)
    bad[at] = (bad[at] ?? 0) ^ 1
    assert.throws(
      () => openSegmentHeader('x.wal', bad, sealer),
      hasCode('LEDGER_DAMAGED', /x\.wal/),
    )
  }
})

test('the lock has one spelling', () => {
  const root = new Uint8Array(32)
  const record = { origin: 'o', epoch: 1, size: 4, root, note: 'n\n', incarnation: 2 }
  const value = formatLockRecord(record as Parameters<typeof formatLockRecord>[0])
  assert.equal(parseLockRecord(value).size, 4)
  for (const bad of [value.replace('4', '4.5'), value.replace('{', '{ '), '{}', 'null', '']) {
    assert.throws(() => parseLockRecord(bad), hasCode('LEDGER_DAMAGED'))
  }
})
