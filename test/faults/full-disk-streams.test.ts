// A volume that fills while WebSockets, events, downloads, HTTP/2 and gRPC are open: none ends as
// if it were whole, nothing new reaches an upstream, and service resumes when there is room.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { waitFor } from '../demo-process.ts'
import { Callers, type StreamStage, streamStage } from './open-streams.ts'
import { NO_SMALL_VOLUME, type SmallVolume, smallVolume } from './small-volume.ts'
import { assertEnds, wholeLedger } from './whole-ledger.ts'

const VOLUME_MIB = 24
/** So many requests are refused one after the other, and no upstream is called. */
const REFUSED_IN_ROW = 100

const skip = NO_SMALL_VOLUME

let small: SmallVolume
let volume: string
let stage: StreamStage
before(async () => {
  if (skip !== false) return
  small = await smallVolume(VOLUME_MIB)
  volume = small.path
  stage = await streamStage(small.directory, join(volume, 'data'))
})
after(async () => {
  if (skip !== false) return
  stage.close()
  await small.close()
})

let ballast = 0

/** Takes what is left, to the last block. */
async function fill(): Promise<void> {
  for (let size = 1 << 20; size >= 4096; ) {
    try {
      ballast += 1
      await writeFile(join(volume, `ballast-${ballast}`), Buffer.alloc(size))
    } catch {
      size /= 2 // There is no room for as much: for less, perhaps.
    }
  }
}

async function empty(): Promise<void> {
  const names = spawnSync('sh', ['-c', `ls ${volume} | grep ballast`]).stdout.toString()
  for (const name of names.trim().split('\n')) await rm(join(volume, name))
}

function told({ told: { opened, whole, reasons } }: Callers): string {
  return `${opened} opened, ${whole} whole, ${JSON.stringify([...reasons])}`
}

test('a volume fills under open streams', { skip, timeout: 600_000 }, async (context) => {
  const life = await stage.start()
  context.after(() => life.process.kill('SIGKILL'))
  const callers = new Callers(life, stage.token)
  callers.begin()
  // All of them are open behind the gateway too: what is only on its way would be refused.
  const areOpen = (): boolean => callers.told.opened >= 15 && stage.received().length >= 15
  await waitFor(areOpen, 120_000, () => `${stage.received().length} open: ${told(callers)}`)
  await fill()
  // What the write-ahead log had taken beforehand is used up by what the streams tell.
  const probe = new Callers(life, stage.token)
  const isRefused = async (): Promise<boolean> => {
    const reached = stage.received().length
    return (await probe.get('/short')) === 503 && stage.received().length === reached
  }
  await waitFor(isRefused, 120_000)
  // The ledger tidies up behind itself for a while: what it gives back is taken again.
  let [inRow, took] = [0, 0]
  await waitFor(
    async () => {
      if (await isRefused()) inRow += 1
      else {
        inRow = 0
        took += 1
        await fill()
      }
      return inRow >= REFUSED_IN_ROW
    },
    120_000,
    () => `${inRow} refused in a row, filled again ${took} times`,
  )
  const { whole, reasons } = callers.told
  const closes = ['close 1011', 'grpc 13'].map((reason) => reasons.get(reason) ?? 0)
  const text = told(callers)
  assert.equal(whole, closes[0], `what we break off says so, or does not look whole: ${text}`)
  assert.equal(reasons.size, closes.filter((times) => times > 0).length, text)
  context.diagnostic(`while it was full: ${closes[0]} closed with 1011, ${closes[1]} with grpc 13`)

  await empty()
  await waitFor(async () => (await probe.get('/short')) === 200, 60_000)
  callers.stop()
  assert.equal(await life.stop('SIGTERM'), 0)
  const records = await wholeLedger(join(volume, 'data'))
  assertEnds(records, stage.received())
  assert.ok(
    records.some(({ kind }) => kind === 'gap'),
    'what went unrecorded is counted in a gap',
  )
})
