// kill -9 under load on a relaxed route: what was served and is not on record is never more than
// the window says, the next life says so in a gap, and what was handed out as a receipt is there.
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, type TestContext, test } from 'node:test'
import { waitFor } from '../demo-process.ts'
import {
  type GatewayLife,
  RELAXED_RECORDS_MAX,
  type ScratchGateway,
  scratchGateway,
} from './scratch-gateway.ts'
import { assertEnds, type FoundRecord, Receipts, wholeLedger } from './whole-ledger.ts'

const KILLS = Number(process.env.KILLS ?? 6)
const CALLERS = 16
const ANSWERS_MIN = 100

let directory: string
let scratch: ScratchGateway
let receipts: Receipts
/** Requests that were answered, by life. */
let answered = 0
let pending = 0

async function begin(workers: number): Promise<void> {
  directory = await mkdtemp(join(tmpdir(), 'countersign-relaxed-'))
  const more = { file: `workers: ${workers}\n` }
  scratch = await scratchGateway(directory, join(directory, 'data'), undefined, 'relaxed', more)
  receipts = new Receipts()
  answered = 0
  pending = 0
}

afterEach(async () => {
  await scratch.close()
  await rm(directory, { recursive: true })
})

async function callUntilDead({ url, process: gateway }: GatewayLife): Promise<void> {
  const headers = { authorization: `Bearer ${scratch.token}` }
  for (let order = 1; ; order += 1) {
    try {
      const response = await fetch(`${url}/orders/${order % 50}`, { headers })
      await response.arrayBuffer()
      answered += response.status === 200 ? 1 : 0
      const header = response.headers.get('countersign-receipt')
      if (header === null) pending += response.headers.has('countersign-receipt-pending') ? 1 : 0
      else receipts.note(header)
    } catch {
      // The gateway is gone: that is what this test is about.
      if (gateway.killed) return
    }
  }
}

for (const workers of [1, 2]) {
  const name = `${KILLS} kills under load take no more than was said, workers: ${workers}`
  test(name, { timeout: 900_000 }, async (context) => {
    await begin(workers)
    await kill(context)
  })
}

async function kill(context: TestContext): Promise<void> {
  /** What had reached the upstream when a life ended. */
  const livesEnd: number[] = []
  for (let kill = 0; kill < KILLS; kill += 1) {
    const life = await scratch.start()
    context.after(() => life.process.kill('SIGKILL'))
    const callers = Array.from({ length: CALLERS }, () => callUntilDead(life))
    const until = answered + ANSWERS_MIN + ((kill * 37) % 150)
    await waitFor(() => answered >= until)
    assert.equal(await life.stop('SIGKILL'), 'SIGKILL')
    await Promise.all(callers)
    livesEnd.push((await scratch.received()).count)
  }
  const last = await scratch.start()
  context.after(() => last.process.kill('SIGKILL'))
  await lateReceipt(last.url)
  assert.equal(await last.stop('SIGTERM'), 0)

  const records = await wholeLedger(scratch.data)
  await receipts.assertIn(scratch.data, records.length)

  const { ids } = await scratch.received()
  const recorded = new Set(
    records.filter(({ kind }) => kind === 'intent').map(({ exchange }) => exchange),
  )
  let [begin, lost, worst] = [0, 0, 0]
  for (const end of livesEnd) {
    const missing = ids.slice(begin, end).filter((id) => !recorded.has(id)).length
    assert.ok(missing <= RELAXED_RECORDS_MAX, `${missing} of one life are not on record`)
    lost += missing
    worst = Math.max(worst, missing)
    begin = end
  }
  assertWindows(records, lost)
  context.diagnostic(
    `${ids.length} reached the upstream, ${recorded.size} intents, ${lost} lost in ${KILLS} kills, \
at most ${worst} in one, ${pending} answers before their receipt, ${receipts.count} receipts`,
  )
  assert.ok(pending > KILLS, `${pending} of ${answered} answers did not wait`)
}

/** An answer that came before its receipt says how that can be had. */
async function lateReceipt(url: string): Promise<void> {
  const pendingOf = async (): Promise<string | null> => {
    const headers = { authorization: `Bearer ${scratch.token}` }
    const response = await fetch(`${url}/orders/1`, { headers })
    await response.arrayBuffer()
    return response.headers.get('countersign-receipt-pending')
  }
  // Not every answer comes before its receipt: it is as quick as the disk.
  let pended: string | null = null
  await waitFor(async () => {
    pended = await pendingOf()
    return pended !== null
  })
  const form = /request="([^"]+)"; open=(:[^:]+:)$/
  const [, request = '', open = ''] = form.exec(pended ?? '') ?? []
  const path = `${url}/.well-known/countersign/receipts/pending/${request}`
  assert.equal((await fetch(path)).status, 401)
  const headers = { authorization: `Countersign-Receipt ${open}` }
  await waitFor(async () => (await fetch(path, { headers })).status === 200)
  const { headers: told } = await fetch(path, { headers })
  const header = told.get('countersign-receipt')
  assert.ok(header !== null, 'the receipt is there')
  receipts.note(header)
}

/** Every life but the last left a window open, and the next one says so with its bound. */
function assertWindows(records: readonly FoundRecord[], lost: number): void {
  assertEnds(records)
  assert.ok(records.some(({ isRelaxed }) => isRelaxed))
  const gaps = records.filter(({ reason }) => reason === 'window-interrupted')
  for (const { unrecordedMax } of gaps) assert.equal(unrecordedMax, RELAXED_RECORDS_MAX)
  assert.ok(lost === 0 || gaps.length > 0)
  assert.ok(gaps.length <= KILLS)
}
