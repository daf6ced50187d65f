import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatTime, makeUuid } from '@countersign/evidence'
import { decodeOpenTag, encodeOpenTag } from './open-tag.ts'
import { Machine, pairViolations } from './testing.ts'

const FROM_US = 1_795_000_000_123_000
const UNTIL = formatTime(FROM_US + 5)
const DRAFT = {
  reason: 'rate-limited',
  scope: 'caller',
  key: 'a'.repeat(32),
  from: formatTime(FROM_US),
  untalliedMax: 250,
} as const

test('the tag of a fold says since when and the bound', () => {
  const tag = { of: 'fold', fromMs: 1_795_000_000_123, untalliedMax: 4_000_000_000 } as const
  const bytes = encodeOpenTag(tag)
  assert.equal(Buffer.from(bytes).toString('hex'), '01a1ee565e7b800080ee6b2800000000')
  assert.deepEqual(decodeOpenTag(bytes), tag)
})

test('the tag of an intent is none of a fold', () => {
  for (const fill of [0, 0x88, 0xff]) {
    const random = new Uint8Array(8).fill(fill)
    assert.equal(decodeOpenTag(makeUuid(FROM_US, random)), undefined)
  }
})

test('a fold is opened, tallied and closed, all of it about its opening', async () => {
  const machine = new Machine()
  const recorder = await machine.start()
  const { folds } = recorder
  const fold = await folds.open(DRAFT, { epoch: 1, index: 1 })
  await folds.tally(fold, { count: 3, until: UNTIL })
  await folds.close(fold, { count: 7, until: UNTIL })
  await machine.stop(recorder)
  const all = await machine.records()
  assert.deepEqual(pairViolations(all), [])
  const about = all.filter(({ kind }) => kind === 'fold').map(({ when }) => when.about?.index)
  assert.deepEqual(about, [1, fold.index, fold.index])
  assert.equal(all.filter(({ kind }) => kind === 'system').length, 2, 'start and stop')
})

test('a stop with a fold still open writes no stop record', async () => {
  const machine = new Machine()
  const recorder = await machine.start()
  await recorder.folds.open(DRAFT, undefined)
  await machine.stop(recorder)
  const systems = (await machine.records()).filter(({ kind }) => kind === 'system')
  assert.equal(systems.length, 1)
})

test('a crash leaves a fold that the next start ends by a gap with its bound', async () => {
  const machine = new Machine()
  const before = await machine.start()
  const fold = await before.folds.open(DRAFT, undefined)
  await before.folds.tally(fold, { count: 3, until: UNTIL })
  machine.crash()
  const recorder = await machine.start()
  await assert.rejects(recorder.folds.tally(fold, { count: 4, until: UNTIL }), {
    code: 'RECORDER_INTENT_CLOSED',
  })
  const all = await machine.records()
  assert.deepEqual(pairViolations(all), [])
  const gap = all.find(({ kind }) => kind === 'gap')
  assert.deepEqual(gap?.when.about, { epoch: 1, index: fold.index })
  const what = gap?.sections.what
  assert.ok(what !== undefined && 'unrecordedMax' in what)
  assert.deepEqual([what.reason, what.unrecordedMax], ['fold-interrupted', 250])
  const recovery = all.find(({ sections }) => {
    return sections.what !== undefined && 'interrupted' in sections.what
  })
  assert.deepEqual(recovery?.sections.what, { act: 'recovery', interrupted: 0 })
})
