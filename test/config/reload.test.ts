import assert from 'node:assert/strict'
import { test } from 'node:test'
import { reloadUnderLoad } from './reload-under-load.ts'

test('six changes under load, two invalid: nothing fails or is mixed', async (context) => {
  const plan = { seconds: 5, perSecond: 150, changes: 6, invalid: [2, 5] }
  const { failed, requests, records, byVersion } = await reloadUnderLoad(plan)
  context.diagnostic(`${requests} requests, ${records} records`)
  assert.deepEqual(failed, [])
  assert.deepEqual([...byVersion.keys()], [0, 1, 3, 4, 6])
})
