// Acceptance: 500 requests a second and 50 open streams, everything that can be meant in turn.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { containUnderLoad } from '../approval/contain-under-load.ts'

const KINDS = ['principal', 'credential', 'address', 'route', 'upstream', 'gateway'] as const

test('within a second nothing of the quarantined passes, all else does', async (context) => {
  const plan = { perSecond: 500, streams: 50, watchMs: 5000, kinds: KINDS }
  const { requests, lastMs } = await containUnderLoad(plan)
  context.diagnostic(`${requests} requests; the last of the quarantined: ${JSON.stringify(lastMs)}`)
  for (const kind of KINDS) assert.ok((lastMs[kind] ?? Number.NaN) < 1000, kind)
})
