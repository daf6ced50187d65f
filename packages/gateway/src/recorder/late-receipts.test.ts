import assert from 'node:assert/strict'
import { test } from 'node:test'
import { leafIndex } from '@countersign/tlog'
import { LateReceipts } from './late-receipts.ts'

const [ONE, OTHER] = [
  '019aa577-85a8-71f7-bfff-0000000000a1',
  '019aa577-85a8-71f7-bfff-0000000000a2',
]

test('what was promised is pending, what is durable has its place, the rest is unknown', () => {
  const late = new LateReceipts()
  late.promise(ONE)
  assert.deepEqual([late.find(ONE), late.find(OTHER)], ['pending', undefined])
  late.settle(ONE, leafIndex(0))
  assert.equal(late.find(ONE), 0)
})

test('with its life of the ledger ends what was promised: nobody waits for it for ever', () => {
  const late = new LateReceipts()
  late.promise(ONE)
  late.settle(OTHER, leafIndex(7))
  late.forgetPromised()
  assert.deepEqual([late.find(ONE), late.find(OTHER)], [undefined, 7])
})
