// Every byte of every file of a small ledger, changed one at a time. TAMPER_STRIDE=1 changes them
// all; without it one in 97, another one in each file. TAMPER_PART=0/2 and 1/2 share the work.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RESERVE_PATH } from '../../packages/gateway/src/ledger/index.ts'
import { type Report, verifyDirectory } from '../../packages/gateway/src/verify/index.ts'
import type { FileMap } from './file-map.ts'
import { DATA, MadeLedger, someTraffic } from './made-ledger.ts'

const STRIDE = Number(process.env.TAMPER_STRIDE ?? 97)
const [PART = 0, PARTS = 1] = (process.env.TAMPER_PART ?? '0/1').split('/').map(Number)

/** How many bytes of a larger ledger are changed, whatever the stride. */
const LARGE_CHANGES = 60

const honest = await makeLedger(3, 8)
const honestReport = await audit(honest)

async function makeLedger(rounds: number, segmentEntriesMax: number): Promise<FileMap> {
  const ledger = new MadeLedger(1, { segmentEntriesMax })
  const recorder = await ledger.start()
  for (let round = 0; round < rounds; round += 1) {
    await someTraffic(recorder, 2 * round)
    if (round % 10 === 0 || rounds < 10) await ledger.publish()
  }
  await ledger.stop(recorder)
  // As the program keeps it: room that is nobody's, and nothing that anybody reads.
  return (await ledger.files()).with(`${DATA}/${RESERVE_PATH}`, new Uint8Array(4096).fill(0xa5))
}

test('the reserve may be gone, or be as long as it likes', async () => {
  const path = `${DATA}/${RESERVE_PATH}`
  assert.deepEqual(await audit(honest.without(path)), honestReport)
  assert.deepEqual(await audit(honest.with(path, new Uint8Array(0))), honestReport)
})

function audit(files: FileMap): Promise<Report> {
  const require = ['log', 'records', 'persons'] as const
  return verifyDirectory({ disk: files.disk(), directory: DATA, require })
}

test('the ledger is honest, and holds a file of every kind', () => {
  assert.deepEqual(honestReport.bad, [])
  assert.equal(honestReport.exit, 0)
  const kinds = ['log/tile/entries', 'log/tile/0', 'log/checkpoint', 'log/vkeys', 'records', 'acts']
  for (const kind of [...kinds, 'persons', 'checkpoints/0', 'checkpoints/notes']) {
    const found = [...honest.files.keys()].some((path) => path.startsWith(`${DATA}/1/${kind}`))
    assert.ok(found, `no file ${kind}`)
  }
})

const located: Check = async (path, offset, report) => {
  const place = `${path} byte ${offset}: ${JSON.stringify(report.bad[0])}`
  assert.equal(report.exit, 1, place)
  const named = report.bad.some(({ file }) => file === path.slice(DATA.length + 1))
  assert.ok(named, place)
}

test('every byte below the epoch, changed, is found and located', async (context) => {
  const changed = await flipAll(`${DATA}/1/`, located)
  context.diagnostic(`${changed} bytes changed, ${changed} found and located`)
})

test('a byte of state or keys, changed, is found, or changes no record', async (context) => {
  let found = 0
  const check: Check = async (path, offset, report) => {
    const place = `${path} byte ${offset}: ${JSON.stringify(report.bad[0])}`
    if (report.exit === 1) found += 1
    else assert.deepEqual(report, honestReport, place)
  }
  const changed = (await flipAll(`${DATA}/state/`, check)) + (await flipAll(`${DATA}/keys/`, check))
  context.diagnostic(`${changed} bytes changed: ${found} found, the others touch no record`)
  assert.ok(found > 0)
})

test('bytes of full blocks and tiles, changed, are found and located', async (context) => {
  const large = await makeLedger(80, 100)
  assert.deepEqual((await audit(large)).bad, [])
  const whole = /\/(records|acts|tile\/entries|tile\/[01])\/000(\.p\/1)?$|\/persons\//
  const files = [...large.files].filter(([path]) => whole.test(path))
  assert.ok(files.some(([path]) => path.endsWith('/records/000')))
  for (let change = 0; change < LARGE_CHANGES; change += 1) {
    const [path, bytes] = files[change % files.length] ?? ['', new Uint8Array(0)]
    const offset = (change * 7919) % bytes.length
    await located(path, offset, await audit(large.flip(path, offset, 1 + (change % 255))))
  }
  context.diagnostic(`${LARGE_CHANGES} bytes of ${files.length} files changed`)
})

type Check = (path: string, offset: number, report: Report) => Promise<void>

async function flipAll(below: string, check: Check): Promise<number> {
  let count = 0
  let mine = 0
  let mask = 1
  for (const [path, bytes] of honest.files) {
    if (!path.startsWith(below)) continue
    for (let offset = count % STRIDE; offset < bytes.length; offset += STRIDE) {
      mask = (mask * 7 + 3) % 255
      count += 1
      if (count % PARTS !== PART) continue
      await check(path, offset, await audit(honest.flip(path, offset, mask + 1)))
      mine += 1
    }
  }
  return mine
}
