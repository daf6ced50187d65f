// kill -9 under load: nothing that reached the upstream lacks its intent, nothing that a caller has
// a receipt for is gone, and what was under way is closed as interrupted.
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseReceipt } from '../../packages/evidence/src/index.ts'
import { waitFor } from '../demo-process.ts'
import { run } from '../run-cli.ts'
import {
  allRecords,
  assertReceipts,
  type ScratchGateway,
  scratchGateway,
} from './scratch-gateway.ts'

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

/** What a caller was told: the index and leaf of its receipt. */
const receipts = new Map<number, string>()

async function callUntilDead(url: string): Promise<void> {
  const headers = { authorization: `Bearer ${scratch.token}` }
  for (let order = 1; ; order += 1) {
    try {
      const response = await fetch(`${url}/orders/${order % 50}`, { headers })
      await response.arrayBuffer()
      const header = response.headers.get('countersign-receipt')
      if (header === null) continue
      const { index, leaf } = parseReceipt(header)
      receipts.set(index, Buffer.from(leaf).toString('hex'))
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
    const until = receipts.size + (seed % ANSWERS_MAX)
    await waitFor(() => receipts.size >= until)
    const isLong = kill % LONG_EVERY === LONG_EVERY - 1
    await sleep(isLong ? LONG_MS : seed % AFTER_MS_MAX)
    assert.equal(await life.stop('SIGKILL'), 'SIGKILL')
    await Promise.all(callers)
  }
  const last = await scratch.start()
  context.after(() => last.process.kill('SIGKILL'))
  assert.equal(await last.stop('SIGTERM'), 0)

  const verified = await run(['verify', scratch.data, '--no-memory', '--json'])
  assert.equal(verified.exit, 0, verified.out + verified.err)
  const { size } = JSON.parse(verified.out) as { size: number }
  const records = await allRecords(scratch.data, last.origin, size)
  assert.equal(records.length, size)

  const { ids } = await scratch.received()
  const intents = new Map(
    records.filter(({ kind }) => kind === 'intent').map((r) => [r.exchange, r]),
  )
  for (const id of ids) assert.ok(intents.has(id), `${id} reached the upstream without an intent`)

  const ends = records.filter(({ kind }) => kind === 'outcome')
  assert.equal(ends.length, intents.size, 'every intent has exactly one end')
  assert.equal(new Set(ends.map(({ about }) => about)).size, ends.length)
  const interrupted = ends.filter(({ ended }) => ended === 'interrupted').length

  await assertReceipts(scratch.data, size, receipts)
  context.diagnostic(
    `${ids.length} reached the upstream, ${intents.size} intents, ${interrupted} interrupted, \
${receipts.size} receipts, ${size} entries`,
  )
  assert.ok(ids.length > KILLS && receipts.size > KILLS, 'there was a load')
})
