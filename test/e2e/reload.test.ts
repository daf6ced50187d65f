// Reload under 500 requests a second for a minute, twenty times, five of them invalid.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { reloadUnderLoad } from '../config/reload-under-load.ts'

const PLAN = { seconds: 60, perSecond: 500, changes: 20, invalid: [2, 6, 10, 14, 18] }

test('twenty reloads under load: none fails, none is mixed, all are on record', async (context) => {
  const { failed, requests, seconds, records, byVersion } = await reloadUnderLoad(PLAN)
  const rate = (requests / seconds).toFixed(0)
  context.diagnostic(
    `${requests} requests in ${seconds.toFixed(1)} s (${rate}/s), ${records} records`,
  )
  context.diagnostic(`by version: ${[...byVersion].map((each) => each.join(':')).join(' ')}`)
  assert.deepEqual(failed, [])
  assert.equal(byVersion.size, 16)
})
