// T28: what an erasure explains, and what it does not.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type Report,
  shownRecord,
  verifyDirectory,
} from '../../packages/gateway/src/verify/index.ts'
import type { FileMap } from './file-map.ts'
import { DATA, MadeLedger, request } from './made-ledger.ts'

const KEY_FILE = `${DATA}/keys/2026-01.keys`
const ROW_BYTES = 128
const ERASURE = '019f0000-0000-7000-8000-000000000001'

/** A ledger in which one person was seen; with an erasure of the key that `erases` chooses. */
async function makeLedger(erases?: (benKey: string) => string): Promise<[FileMap, string]> {
  const ledger = new MadeLedger(21, { segmentEntriesMax: 4 })
  const recorder = await ledger.start()
  await recorder.intent(request('ben', 1))
  await ledger.publish()
  const shown = await shownRecord({ disk: ledger.disk, data: DATA, epoch: 1, index: 2 })
  const seal = shown.sections.find(({ section }) => section === 'seal')?.value
  const { keys } = seal as { keys: { who: string } }
  if (erases !== undefined) {
    const facts = { erasure: ERASURE, keys: [erases(keys.who)] }
    await recorder.act('erasure', { act: 'asked', ...facts })
    await recorder.act('erasure', { act: 'done', ...facts })
  }
  // Until its segment is dropped, the write-ahead log holds the key's row too.
  for (const number of [2, 3, 4]) await recorder.intent(request('ada', number))
  await ledger.publish()
  await ledger.publish()
  assert.deepEqual(ledger.faults, [])
  return [await ledger.files(), keys.who]
}

/** The row of a key overwritten with zeros, as an erasure does it. */
function destroy(files: FileMap, key: string): FileMap {
  const bytes = Buffer.from(files.bytes(KEY_FILE))
  const at = bytes.indexOf(Buffer.from(key, 'hex'))
  assert.ok(at >= 0, `no row of ${key}`)
  const start = Math.floor(at / ROW_BYTES) * ROW_BYTES
  return files.with(KEY_FILE, bytes.fill(0, start, start + ROW_BYTES))
}

function audit(files: FileMap): Promise<Report> {
  return verifyDirectory({ disk: files.disk(), directory: DATA })
}

test('a key that an erasure names may be gone', async () => {
  const [files, key] = await makeLedger((benKey) => benKey)
  const report = await audit(destroy(files, key))
  assert.deepEqual({ bad: report.bad, exit: report.exit }, { bad: [], exit: 0 })
})

test('a key that was erased must not be there', async () => {
  const [files, key] = await makeLedger((benKey) => benKey)
  const report = await audit(files)
  assert.equal(report.exit, 1)
  assert.equal(report.bad[0]?.kind, 'key')
  assert.match(report.bad[0]?.why ?? '', new RegExp(key))
})

test('a key that no erasure names must be there', async () => {
  const [files, key] = await makeLedger()
  const report = await audit(destroy(files, key))
  assert.equal(report.exit, 1)
  assert.equal(report.bad[0]?.index, 2)
  assert.match(report.bad[0]?.why ?? '', new RegExp(key))
})

test('an erasure of another key explains nothing', async () => {
  const [files, key] = await makeLedger((benKey) => benKey.replace(/^..../, '0000'))
  const report = await audit(destroy(files, key))
  assert.equal(report.exit, 1)
})
