// How soon a newcomer is answered. Nothing else runs beside it.
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { startDemo } from '../demo-process.ts'
import { timely } from '../timely.ts'

const FIRST_ANSWER_MS_MAX = 5000

/** What the tests share among each other, a newcomer does not have. */
const { NODE_COMPILE_CACHE: _, ...AS_SHIPPED } = process.env

test('the demo answers its first request within five seconds of its start', async (context) => {
  const directory = await mkdtemp(join(tmpdir(), 'countersign-first-answer-'))
  context.after(() => rm(directory, { recursive: true }))
  let goes = 0
  await timely(FIRST_ANSWER_MS_MAX, async () => {
    goes += 1
    const fromMs = performance.now()
    const data = join(directory, `start-${goes}`)
    const demo = await startDemo({ data, environment: AS_SHIPPED })
    const { GATEWAY, ADA } = demo.env
    const headers = { authorization: `Bearer ${ADA}` }
    assert.equal((await fetch(`${GATEWAY}/orders/7`, { headers })).status, 200)
    const tookMs = performance.now() - fromMs
    context.diagnostic(`first answer after ${tookMs.toFixed(0)} ms`)
    assert.equal(await demo.stop(), 0)
    return tookMs
  })
})
