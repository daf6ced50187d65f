// Every byte of every file of a small ledger, changed one at a time. TAMPER_STRIDE=1 changes them
// all; without it one in 97, another one in each file.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Report, verifyDirectory } from '../../packages/gateway/src/verify/index.ts'
import type { FileMap } from './file-map.ts'
import { DATA, MadeLedger, someTraffic } from './made-ledger.ts'

const STRIDE = Number(process.env.TAMPER_STRIDE ?? 97)

const ledger = new MadeLedger(1, { segmentEntriesMax: 8 })
const recorder = await ledger.start()
for (const from of [0, 2, 4]) {
  await someTraffic(recorder, from)
  await ledger.publish()
}
await ledger.stop(recorder)
const honest = await ledger.files()
const honestReport = await audit(honest)

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

test('every byte below the epoch, changed, is found and located', async (context) => {
  const changed = await flipAll(`${DATA}/1/`, async (path, offset, report) => {
    const place = `${path} byte ${offset}: ${JSON.stringify(report.bad[0])}`
    assert.equal(report.exit, 1, place)
    const named = report.bad.some(({ file }) => file === path.slice(DATA.length + 1))
    assert.ok(named, place)
  })
  context.diagnostic(`${changed} bytes changed, ${changed} found and located`)
})

test('a byte of state or keys, changed, is found, or changes no record', async (context) => {
  let found = 0
  const check = async (path: string, offset: number, report: Report): Promise<void> => {
    const place = `${path} byte ${offset}: ${JSON.stringify(report.bad[0])}`
    if (report.exit === 1) found += 1
    else assert.deepEqual(report, honestReport, place)
  }
  const changed = (await flipAll(`${DATA}/state/`, check)) + (await flipAll(`${DATA}/keys/`, check))
  context.diagnostic(`${changed} bytes changed: ${found} found, the others touch no record`)
  assert.ok(found > 0)
})

async function flipAll(
  below: string,
  check: (path: string, offset: number, report: Report) => Promise<void>,
): Promise<number> {
  let count = 0
  let mask = 1
  for (const [path, bytes] of honest.files) {
    if (!path.startsWith(below)) continue
    for (let offset = count % STRIDE; offset < bytes.length; offset += STRIDE) {
      mask = (mask * 7 + 3) % 255
      await check(path, offset, await audit(honest.flip(path, offset, mask + 1)))
      count += 1
    }
  }
  return count
}
