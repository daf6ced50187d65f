// kill -9 under load: nothing that reached the upstream lacks its intent, nothing that a caller has
// a receipt for is gone, and what was under way is closed as interrupted.
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { waitFor } from '../demo-process.ts'
import { type ScratchGateway, scratchGateway } from './scratch-gateway.ts'
import { assertEnds, Receipts, wholeLedger } from './whole-ledger.ts'

const KILLS = Number(process.env.KILLS ?? 200)
const CALLERS = 16
/** A life ends at a random moment after a random number of answers. */
const ANSWERS_MAX = 120
const AFTER_MS_MAX = 20
/** Now and then one is long enough to publish, and what it recovered need not be kept on. */
const LONG_EVERY = 5
const LONG_MS = 1_500

let directory: string
let scratch: ScratchGateway
before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'countersign-kill-'))
  scratch = await scratchGateway(directory, join(directory, 'data'))
})
after(async () => {
  await scratch.close()
  await rm(directory, { recursive: true })
})

const receipts = new Receipts()

async function callUntilDead(url: string): Promise<void> {
  const headers = { authorization: `Bearer ${scratch.token}` }
  for (let order = 1; ; order += 1) {
    try {
      const response = await fetch(`${url}/orders/${order % 50}`, { headers })
      await response.arrayBuffer()
      receipts.note(response.headers.get('countersign-receipt'))
    } catch {
      return // The gateway is gone: that is what this test is about.
    }
  }
}

test(`${KILLS} kills under load leave a whole ledger`, { timeout: 1_500_000 }, async (context) => {
  let seed = 1
  for (let kill = 0; kill < KILLS; kill += 1) {
    const life = await scratch.start()
    context.after(() => life.process.kill('SIGKILL'))
    const callers = Array.from({ length: CALLERS }, () => callUntilDead(life.url))
    seed = (seed * 48_271) % 2_147_483_647
    const until = receipts.count + (seed % ANSWERS_MAX)
    await waitFor(() => receipts.count >= until)
    const isLong = kill % LONG_EVERY === LONG_EVERY - 1
    await sleep(isLong ? LONG_MS : seed % AFTER_MS_MAX)
    assert.equal(await life.stop('SIGKILL'), 'SIGKILL')
    await Promise.all(callers)
  }
  const last = await scratch.start()
  context.after(() => last.process.kill('SIGKILL'))
  assert.equal(await last.stop('SIGTERM'), 0)

  const records = await wholeLedger(scratch.data)
  const { ids } = await scratch.received()
  const { intents, interrupted } = assertEnds(records, ids)
  await receipts.assertIn(scratch.data, records.length)
  context.diagnostic(
    `${ids.length} reached the upstream, ${intents} intents, ${interrupted} interrupted, \
${receipts.count} receipts, ${records.length} entries`,
  )
  assert.ok(ids.length > KILLS && receipts.count > KILLS, 'there was a load')
})
