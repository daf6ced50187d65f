import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LeafIndex } from '@countersign/tlog'
import { Batch } from './batch.ts'
import { OpenIntents } from './open-intents.ts'
import { entry, hasCode, NOBODY } from './testing.ts'

test('an entry that was refused counts neither for nor against a batch on a full disk', () => {
  const tag = new Uint8Array(16)
  const intents = new OpenIntents([{ index: 7 as LeafIndex, tag }])
  const closed = entry(1, { closes: 3 as LeafIndex })
  const batch = new Batch()
  assert.throws(() => batch.add(closed, intents, NOBODY), hasCode('LEDGER_INTENT_CLOSED'))
  batch.add(entry(2, { closes: 7 as LeafIndex }), intents, NOBODY)
  assert.deepEqual([batch.count, batch.isNeeded], [1, true])
  assert.throws(() => batch.add(closed, intents, NOBODY), hasCode('LEDGER_INTENT_CLOSED'))
  batch.add(entry(3), intents, NOBODY)
  assert.equal(batch.isNeeded, false)
})
