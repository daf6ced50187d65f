// A ledger on a small volume that fills: requests are refused before the upstream is called, what
// was acknowledged stays, and service resumes by itself when there is room again.
import assert from 'node:assert/strict'
import { rm, statfs, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { waitFor } from '../demo-process.ts'
import { type ScratchGateway, scratchGateway } from './scratch-gateway.ts'
import { NO_SMALL_VOLUME, type SmallVolume, smallVolume } from './small-volume.ts'
import { assertEnds, Receipts, wholeLedger } from './whole-ledger.ts'

const VOLUME_MIB = 12
const BALLAST_MIB = 5
const CALLERS = 16
const REFUSED_MIN = 200

const skip = NO_SMALL_VOLUME

let small: SmallVolume
let volume: string
let scratch: ScratchGateway
before(async () => {
  if (skip !== false) return
  small = await smallVolume(VOLUME_MIB)
  volume = small.path
  await writeFile(join(volume, 'ballast'), Buffer.alloc(BALLAST_MIB << 20))
  scratch = await scratchGateway(small.directory, join(volume, 'data'))
})
after(async () => {
  if (skip !== false) return
  await scratch.close()
  await small.close()
})

interface Answer {
  readonly status: number
  readonly reason: string | undefined
}

const receipts = new Receipts()

async function call(url: string): Promise<Answer> {
  const headers = { authorization: `Bearer ${scratch.token}` }
  const response = await fetch(`${url}/orders/7`, { headers })
  const body = (await response.json()) as { reason?: string }
  receipts.note(response.headers.get('countersign-receipt'))
  return { status: response.status, reason: body.reason }
}

async function callMany(url: string, calls: number): Promise<readonly Answer[]> {
  const answers: Answer[] = []
  const caller = async (): Promise<void> => {
    while (answers.length < calls) answers.push(await call(url))
  }
  await Promise.all(Array.from({ length: CALLERS }, caller))
  return answers
}

test('a full volume stops traffic and loses nothing', {
  skip,
  timeout: 600_000,
}, async (context) => {
  const life = await scratch.start()
  context.after(() => life.process.kill('SIGKILL'))
  let served = 0
  const isFull = async (): Promise<boolean> => {
    const answers = await callMany(life.url, 500)
    served += answers.filter(({ status }) => status === 200).length
    for (const { status, reason } of answers) {
      const known =
        status === 200 || reason === 'ledger-unavailable' || reason === 'outcome-unrecorded'
      assert.ok(known, `${status} ${reason}`)
    }
    return answers.every(({ status }) => status === 503)
  }
  await waitFor(isFull, 120_000, () => `${served} were served`)
  assert.ok(served > 500, `${served} were served before the volume was full`)

  // What the ledger tidies up behind itself may serve a few more: then it is full again.
  let refused: readonly Answer[] = []
  let calls = 0
  await waitFor(
    async () => {
      const before = await scratch.received()
      refused = await callMany(life.url, REFUSED_MIN)
      calls = (await scratch.received()).count - before.count
      const isRefused = ({ status, reason }: Answer): boolean =>
        status === 503 && reason === 'ledger-unavailable'
      return refused.every(isRefused) && calls === 0
    },
    120_000,
    () => `${calls} upstream calls for ${JSON.stringify(refused)}`,
  )
  const { bavail } = await statfs(volume)

  await rm(join(volume, 'ballast'))
  const resumedAfter = performance.now()
  await waitFor(async () => (await call(life.url)).status === 200)
  const resumedMs = Math.round(performance.now() - resumedAfter)
  await callMany(life.url, 100)
  assert.equal(await life.stop('SIGTERM'), 0)

  const records = await wholeLedger(scratch.data)
  await receipts.assertIn(scratch.data, records.length)
  assertEnds(records, (await scratch.received()).ids)
  const lives = new Set(records.map(({ incarnation }) => incarnation))
  assert.deepEqual([...lives], [1], 'a full disk ends no instance')
  assert.ok(
    records.some(({ kind }) => kind === 'gap'),
    'what went unrecorded is counted in a gap',
  )
  context.diagnostic(
    `${served} served, ${refused.length} refused with ${bavail} blocks free, \
${records.length} entries, ${receipts.count} receipts, \
resumed ${resumedMs} ms after there was room`,
  )
})
