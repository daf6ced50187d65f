// What can be looked at depends on the keys at hand; the verdict says which it was.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Report, verifyDirectory } from '../../packages/gateway/src/verify/index.ts'
import type { FileMap } from '../tamper/file-map.ts'
import { DATA, MadeLedger, someTraffic } from '../tamper/made-ledger.ts'

const ledger = new MadeLedger(51, { segmentEntriesMax: 8 })
const recorder = await ledger.start()
for (const from of [0, 2]) {
  await someTraffic(recorder, from)
  await ledger.publish() // Drops the write-ahead segment that is packed, and the key rows in it.
}
await ledger.stop(recorder)
const honest = await ledger.files()
const kek = new TextDecoder().decode(honest.bytes(`${DATA}/keys/kek`))
const withoutKek = honest.without(`${DATA}/keys/kek`)
const records = [...honest.files.keys()].find((path) => path.startsWith(`${DATA}/1/records/`)) ?? ''

interface Given {
  readonly kek?: string
  readonly require?: readonly ('log' | 'records' | 'persons')[]
}

function audit(files: FileMap, given: Given): Promise<Report> {
  return verifyDirectory({ disk: files.disk(), directory: DATA, ...given })
}

const ALL = { log: true, records: true, persons: true }
const LOG = { log: true, records: false, persons: false }

for (const [name, files, given, exit, scope] of [
  ['with the key in the directory', honest, {}, 0, ALL],
  ['with the key given', withoutKek, { kek }, 0, ALL],
  ['without the key', withoutKek, {}, 0, LOG],
  ['without the key, records required', withoutKek, { require: ['records'] }, 2, LOG],
  ['without the key, the log required', withoutKek, { require: ['log'] }, 0, LOG],
  ['with another key given', withoutKek, { kek: '00'.repeat(32) }, 2, undefined],
  ['with something else given', withoutKek, { kek: 'secret' }, 2, undefined],
  ['with another key in the directory', honest.flip(`${DATA}/keys/kek`, 0, 1), {}, 1, LOG],
  ['a block changed, without the key', flipped(withoutKek), {}, 0, LOG],
  ['a block changed, with the key', flipped(honest), {}, 1, ALL],
  ['all keys gone, the key given', noKeyRows(), { kek }, 1, ALL],
] as readonly (readonly [string, FileMap, Given, number, Report['scope'] | undefined])[]) {
  test(`${name}: ${exit}`, async () => {
    const report = await audit(files, given)
    assert.equal(report.exit, exit, JSON.stringify([report.bad, report.notChecked]))
    if (scope !== undefined) assert.deepEqual(report.scope, scope)
  })
}

test('a tampered log outweighs a scope that could not be looked at', async () => {
  const bundle = [...honest.files.keys()].find((path) => path.includes('/tile/entries/')) ?? ''
  const report = await audit(withoutKek.flip(bundle, 9, 1), { require: ['records'] })
  assert.equal(report.exit, 1)
})

test('an epoch that was not looked at leaves it undecided, unless one was asked for', async () => {
  let files = honest
  for (const [path, bytes] of honest.files) {
    if (path.startsWith(`${DATA}/1/`)) files = files.with(path.replace('/1/', '/2/'), bytes)
  }
  const options = { disk: files.without(`${DATA}/keys/kek`).disk(), directory: DATA }
  assert.equal((await verifyDirectory(options)).exit, 2)
  assert.equal((await verifyDirectory({ ...options, epoch: 2 })).exit, 0)
})

function flipped(files: FileMap): FileMap {
  return files.flip(records, 200, 1)
}

/** The rows of the keys that seal sections; those that are made once for good are kept. */
function noKeyRows(): FileMap {
  const rows = [...honest.files.keys()].filter((path) =>
    /keys\/[0-9]{4}-[0-9]{2}\.keys$/.test(path),
  )
  return honest.without(...rows)
}
