// Directories of epochs beside the one that is audited, and what a first start leaves of one.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Disk } from '../../packages/gateway/src/platform/index.ts'
import { type Report, verifyDirectory } from '../../packages/gateway/src/verify/index.ts'
import type { FileMap } from './file-map.ts'
import { DATA, MadeLedger, someTraffic } from './made-ledger.ts'

const ledger = new MadeLedger(61)
const recorder = await ledger.start()
await someTraffic(recorder, 0)
await ledger.publish()
await ledger.stop(recorder)
const honest = await ledger.files()
const bundle = [...honest.files.keys()].find((path) => path.includes('/tile/entries/')) ?? ''
const tampered = honest.flip(bundle, 9, 1)
const vkeys = honest.bytes(`${DATA}/1/log/vkeys`)
const note = honest.bytes(`${DATA}/1/checkpoints/notes/0`)
const row = honest.bytes(`${DATA}/1/checkpoints/00000000`).subarray(0, 104)

function audit(disk: Disk, epoch?: number): Promise<Report> {
  return verifyDirectory({ disk, directory: DATA, ...(epoch === undefined ? {} : { epoch }) })
}

/** A disk that has one more directory, with nothing in it. */
function withFolder(files: FileMap, folder: string): Disk {
  const [whole, disk] = [files.disk(), files.disk()]
  disk.list = async (path) => {
    if (path === folder) return []
    const entries = await whole.list(path)
    const isParent = path === folder.slice(0, folder.lastIndexOf('/'))
    const name = folder.slice(folder.lastIndexOf('/') + 1)
    return isParent ? [...entries, { name, kind: 'directory' as const }] : entries
  }
  return disk
}

/** What may be there before the first checkpoint was shown. */
function begun(files: FileMap): FileMap {
  return files
    .with(`${DATA}/2/log/vkeys`, vkeys)
    .with(`${DATA}/2/log/checkpoint.tmp`, new Uint8Array(9))
    .with(`${DATA}/2/checkpoints/notes/0`, note)
    .with(`${DATA}/2/checkpoints/00000000`, row)
}

const BESIDE: readonly (readonly [string, (files: FileMap) => Disk])[] = [
  ['an empty epoch', (files) => withFolder(files, `${DATA}/2`)],
  ['an epoch that was just begun', (files) => begun(files).disk()],
]

for (const [name, beside] of BESIDE) {
  test(`${name} is told, and the one before it is audited`, async () => {
    const good = await audit(beside(honest))
    assert.deepEqual([good.exit, good.epoch, good.bad], [2, 1, []])
    assert.equal(good.notChecked[0]?.why, 'epoch 2 has nothing published yet')
    assert.equal(good.scope.log, true)
    const bad = await audit(beside(tampered))
    assert.deepEqual([bad.exit, bad.epoch, bad.bad[0]?.kind], [1, 1, 'entry'])
  })

  test(`${name} is no reason to doubt the one that was asked for`, async () => {
    assert.equal((await audit(beside(honest), 1)).exit, 0)
    assert.equal((await audit(beside(honest), 2)).exit, 2)
    assert.equal((await audit(beside(tampered), 1)).exit, 1)
  })
}

test('a file in the name of an epoch is a stranger', async () => {
  const report = await audit(honest.with(`${DATA}/2`, vkeys).disk())
  assert.deepEqual([report.exit, report.epoch, report.bad[0]?.file], [1, 1, '2'])
})

test('a link in the name of an epoch hides nothing of the others', async () => {
  const link = `${DATA}/2`
  assert.equal((await audit(honest.withOther(link).disk())).exit, 2)
  assert.equal((await audit(tampered.withOther(link).disk())).exit, 1)
})

for (const path of ['log/tile/0/000.p/3', 'records/000.p/3', 'checkpoints/notes/7']) {
  test(`an epoch with ${path} and without a checkpoint was published once`, async () => {
    const report = await audit(begun(honest).with(`${DATA}/2/${path}`, row).disk())
    assert.deepEqual([report.exit, report.epoch, report.bad[0]?.file], [1, 2, '2/log/checkpoint'])
  })
}

test('all that is left of an epoch are its entries: it is no first start', async () => {
  const kept = [...honest.files.keys()].filter((path) => !/checkpoint/.test(path))
  const rest = honest.without(...[...honest.files.keys()].filter((path) => !kept.includes(path)))
  assert.equal((await audit(rest.disk())).exit, 1)
})

test('at no moment is a first start tampered with', async () => {
  const young = new MadeLedger(62)
  const { disk } = young
  const exits = new Set<number>()
  for (const name of ['rename', 'makeDirectory', 'syncDirectory', 'open'] as const) {
    const call = disk[name].bind(disk) as (...given: unknown[]) => unknown
    const watched = async (...given: unknown[]): Promise<unknown> => {
      const report = await audit(disk.observer())
      assert.deepEqual(report.bad, [], `before ${name} ${String(given[0])}`)
      exits.add(report.exit)
      return call(...given)
    }
    Object.assign(disk, { [name]: watched })
  }
  await young.start()
  await young.publish()
  assert.deepEqual([...exits], [2, 0])
})
