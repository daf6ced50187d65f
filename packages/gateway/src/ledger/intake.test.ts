import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Batch } from './batch.ts'
import { decodeEntries } from './entry.ts'
import { Intake } from './intake.ts'
import { OpenIntents } from './open-intents.ts'
import { entry, NOBODY } from './testing.ts'

/** A batch of one entry, taken out of the queue. */
function taken(intake: Intake, number: number): Batch {
  intake.add(entry(number), NOBODY)
  const batch = intake.take()
  assert.ok(batch)
  return batch
}

test('two batches in turn need the memory of two, whichever is done first', () => {
  const intake = new Intake(new OpenIntents())
  const [one, other] = [taken(intake, 1), taken(intake, 2)]
  const memory = new Set([one.memory, other.memory])
  assert.equal(memory.size, 2)
  for (let turn = 0; turn < 6; turn++) {
    intake.reuse(turn % 2 === 0 ? one : other)
    intake.reuse(turn % 2 === 0 ? other : one)
    const next = [taken(intake, 3), taken(intake, 4)]
    assert.deepEqual(new Set(next.map((batch) => batch.memory)), memory)
  }
})

test('memory that is used again holds what was added last, and only that', () => {
  const intake = new Intake(new OpenIntents())
  const long = { leaf: new Uint8Array(33).fill(9), payload: new Uint8Array(5_000).fill(9) }
  intake.add(long, NOBODY)
  const before = intake.take()
  assert.ok(before)
  intake.reuse(before)
  const batch = taken(intake, 5)
  assert.equal(batch.memory, before.memory)
  const [read, ...more] = decodeEntries(0 as Parameters<typeof decodeEntries>[0], 1, batch.plain())
  assert.deepEqual([read?.leaf, read?.payload, more], [entry(5).leaf, entry(5).payload, []])
})
