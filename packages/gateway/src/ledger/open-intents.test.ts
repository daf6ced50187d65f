import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LeafIndex } from '@countersign/tlog'
import { OpenIntents } from './open-intents.ts'

test('the table says what a map says, whatever opens and closes in which order', () => {
  const intents = new OpenIntents()
  const expected = new Map<number, number>()
  let seed = 7
  const below = (limit: number): number => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 1
    return seed % limit
  }
  // Far above 2^32: an index is no 32-bit number.
  let index = 2 ** 40
  for (let step = 0; step < 60_000; step += 1) {
    const isGrowing = step % 20_000 < 12_000
    if (below(10) < (isGrowing ? 7 : 3)) {
      index += 1 + below(3)
      const tag = new Uint8Array(16).fill(index % 251)
      intents.apply(index as LeafIndex, { opens: tag })
      expected.set(index, index % 251)
    } else {
      const closes = [...expected.keys()][below(Math.min(expected.size, 40) || 1)] ?? index + 5
      intents.apply(index as LeafIndex, { closes: closes as LeafIndex })
      expected.delete(closes)
    }
  }
  const said = intents.list().map((open) => [Number(open.index), open.tag[15]])
  assert.deepEqual(said, [...expected])
  assert.ok(expected.size > 3_000)
})

test('what is promised is closed once, and listed only when it is durable', () => {
  const intents = new OpenIntents()
  const index = 9 as LeafIndex
  intents.reserve({ opens: new Uint8Array(16) })
  intents.promise(index)
  intents.reserve({ closes: index })
  assert.throws(() => intents.reserve({ closes: index }), { code: 'LEDGER_INTENT_CLOSED' })
  assert.deepEqual(intents.list(), [])
  intents.opened(index, new Uint8Array(20).fill(3), 4)
  assert.deepEqual(intents.list(), [{ index, tag: new Uint8Array(16).fill(3) }])
  assert.throws(() => intents.reserve({ closes: index }), { code: 'LEDGER_INTENT_CLOSED' })
  intents.closed(index)
  assert.deepEqual(intents.list(), [])
})
