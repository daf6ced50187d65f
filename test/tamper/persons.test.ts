// Packs of persons that no section is in: nobody would read them, and nobody may add any.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { splitPacks } from '../../packages/gateway/src/vault/pack.ts'
import { type Report, verifyDirectory } from '../../packages/gateway/src/verify/index.ts'
import type { FileMap } from './file-map.ts'
import { DATA, MadeLedger, someTraffic } from './made-ledger.ts'

const KEY_ID_AT = 0
const TO_AT = 24
const ORDINAL_AT = 32
const LEFT_BY_A_CRASH = new Uint8Array(50).fill(7)

const honest = await makeLedger(false)
const PERSONS = [...honest.files.keys()].filter((path) => path.includes('/persons/')).sort()
const NEWEST = PERSONS.at(-1) ?? ''
const newest = honest.bytes(NEWEST)
const packs = splitPacks(NEWEST, newest)
const ledgerKey = keyOf(`${DATA}/1/records/000.p/16`)

/** While it goes on its newest file is there, and no record that is published names it. */
async function makeLedger(isStopped: boolean): Promise<FileMap> {
  const ledger = new MadeLedger(81, { segmentEntriesMax: 8 })
  const recorder = await ledger.start()
  for (const from of [0, 2, 4]) {
    await someTraffic(recorder, from)
    await ledger.publish()
  }
  if (isStopped) await ledger.stop(recorder)
  assert.deepEqual(ledger.faults, [])
  return ledger.files()
}

function keyOf(path: string): Uint8Array {
  const [pack] = splitPacks(path, honest.bytes(path))
  return pack?.header.keyId ?? new Uint8Array(0)
}

/** The file with one pack more: the last one again, as whoever has no key may write it. */
function added(change: (pack: Buffer) => void): FileMap {
  const pack = Buffer.from(packs.at(-1)?.bytes ?? [])
  pack.writeUInt16BE(packs.length, ORDINAL_AT)
  change(pack)
  return honest.with(NEWEST, Buffer.concat([newest, pack]))
}

function audit(files: FileMap): Promise<Report> {
  return verifyDirectory({ disk: files.disk(), directory: DATA })
}

const MADE_UP = Buffer.from(`0280${'77'.repeat(14)}`, 'hex')

const CASES: readonly (readonly [string, FileMap, RegExp])[] = [
  ['a pack under a key that is nowhere', added((it) => it.set(MADE_UP, KEY_ID_AT)), /no section/],
  [
    'a pack under a key of the ledger',
    added((it) => it.set(ledgerKey, KEY_ID_AT)),
    /does not authenticate/,
  ],
  ['a pack again', added(() => undefined), /two packs under one key/],
  [
    'a pack of other entries',
    added((it) => {
      it.set(MADE_UP, KEY_ID_AT)
      it.writeBigUInt64BE(9_999n, TO_AT)
    }),
    /speaks of entries/,
  ],
]

for (const [name, files, why] of CASES) {
  test(`${name}, added to the newest file, is found`, async () => {
    const report = await audit(files)
    assert.equal(report.exit, 1)
    const found = report.bad.find(({ file }) => file === NEWEST.slice(DATA.length + 1))
    assert.match(found?.why ?? '', why)
  })
}

test('the ledger is honest', async () => {
  const report = await audit(honest)
  assert.deepEqual([report.exit, report.bad], [0, []])
})

test('a file that no section looks into is looked into', async () => {
  const stopped = await makeLedger(true)
  const stop = ((await audit(stopped)).size ?? 0) - 1
  const path = `${DATA}/1/persons/${String(stop).padStart(16, '0')}`
  const report = await audit(stopped.with(path, LEFT_BY_A_CRASH))
  assert.deepEqual(
    report.bad.map(({ file }) => file),
    [path.slice(DATA.length + 1)],
  )
})

test('what a crash leaves of a file in the making is no fault', async () => {
  const report = await audit(honest.with(`${NEWEST}.tmp`, LEFT_BY_A_CRASH))
  assert.deepEqual([report.exit, report.bad, report.notChecked], [0, [], []])
})
