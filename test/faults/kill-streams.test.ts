// kill -9 while WebSockets, events, downloads, HTTP/2 and gRPC are open and tell of their progress:
// what reached an upstream has its intent, every intent its one end, no end is made up.
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { waitFor } from '../demo-process.ts'
import { Callers, type StreamStage, streamStage } from './open-streams.ts'
import { assertEnds, wholeLedger } from './whole-ledger.ts'

const KILLS = Number(process.env.KILLS ?? 6)
/** Past the first look at how far each has come, and before the second. */
const OPEN_MS = 1_100
const AFTER_MS_MAX = 900
/** Three of each kind. */
const STREAMS = 15

let directory: string
let stage: StreamStage
before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'countersign-streams-'))
  stage = await streamStage(directory, join(directory, 'data'))
})
after(async () => {
  stage.close()
  await rm(directory, { recursive: true })
})

test(`${KILLS} kills under open streams`, { timeout: 600_000 }, async (context) => {
  let seed = 7
  for (let kill = 0; kill < KILLS; kill += 1) {
    const life = await stage.start()
    context.after(() => life.process.kill('SIGKILL'))
    const before = stage.received().length
    const callers = new Callers(life, stage.token)
    callers.begin()
    // What has reached an upstream has its intent, which the kill must leave.
    const reached = (): number => stage.received().length - before
    await waitFor(() => callers.told.opened >= STREAMS && reached() >= STREAMS, 120_000)
    seed = (seed * 48_271) % 2_147_483_647
    await sleep(OPEN_MS + (seed % AFTER_MS_MAX))
    assert.equal(await life.stop('SIGKILL'), 'SIGKILL')
    callers.stop()
    assert.deepEqual(
      [...callers.told.reasons.keys()].filter((each) => each !== 'grpc 14'),
      [],
    )
  }
  const last = await stage.start()
  context.after(() => last.process.kill('SIGKILL'))
  assert.equal(await last.stop('SIGTERM'), 0)
  const records = await wholeLedger(join(directory, 'data'))
  const { intents, interrupted } = assertEnds(records, stage.received())
  assert.equal(interrupted, intents, 'none of them had ended')
  assert.ok(interrupted >= KILLS * STREAMS, `${interrupted} interrupted in ${KILLS} kills`)
  const progress = records.filter(({ kind }) => kind === 'progress').length
  assert.ok(progress >= KILLS, `${progress} records of progress`)
  context.diagnostic(
    `${stage.received().length} reached an upstream, ${interrupted} interrupted, \
${progress} told of their progress, ${records.length} entries`,
  )
})
