import assert from 'node:assert/strict'
import { test } from 'node:test'
import { containUnderLoad } from './contain-under-load.ts'

test('under load and with streams open, nothing of the quarantined passes', async (context) => {
  const kinds = ['principal', 'gateway'] as const
  const plan = { perSecond: 100, streams: 10, watchMs: 1500, kinds }
  const { requests, lastMs } = await containUnderLoad(plan)
  context.diagnostic(`${requests} requests; the last of the quarantined: ${JSON.stringify(lastMs)}`)
  assert.equal(Object.keys(lastMs).length, kinds.length)
})
