// What the files alone cannot tell, and what the verifier remembers does.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type Disk,
  DiskError,
  SeededRandom,
  SimulatedDisk,
} from '../../packages/gateway/src/platform/index.ts'
import { Memory, type Report, verifyDirectory } from '../../packages/gateway/src/verify/index.ts'
import { FileMap } from './file-map.ts'
import { LogKeys, makeLog, someEntries, text } from './made-log.ts'

const keys = new LogKeys('log.example/1/q7x', 7)
const entries = someEntries(40)
const forged = entries.map((entry, at) => (at < 25 ? entry : Uint8Array.from([...entry, 33])))

/** Logs as anybody could make them who has the key. */
function log(of: readonly Uint8Array[], published?: readonly number[]): FileMap {
  const files = [...makeLog(keys, of, published)]
  return new FileMap(new Map(files.map(([path, bytes]) => [`log/${path}`, bytes])))
}

function makeMemory(): Memory {
  return memoryOn(new SimulatedDisk({ random: new SeededRandom(1) }))
}

function memoryOn(disk: Disk, seed = 2): Memory {
  return new Memory(disk, '/home/auditor/.local/state/countersign', new SeededRandom(seed))
}

function audit(files: FileMap, memory?: Memory): Promise<Report> {
  const remembering = memory === undefined ? {} : { memory }
  return verifyDirectory({ disk: files.disk(), directory: 'log', keys: keys.vkeys, ...remembering })
}

const CASES = [
  ['T30 the tail rewritten and signed', log([...forged, ...someEntries(3)]), 'fork', null],
  ['T31 an older state put back', log(entries.slice(0, 30)), 'rollback', 'checkpoint'],
  ['T32 another log with the same beginning', log(forged), 'fork', null],
  ['T33 begun anew under the same key', log(someEntries(50, 'other')), 'fork', null],
  ['T33 begun anew, and empty', log([], [0]), 'rollback', 'checkpoint'],
] as const

for (const [name, files, kind, file] of CASES) {
  test(`${name}: only memory tells`, async () => {
    const memory = makeMemory()
    assert.equal((await audit(log(entries), memory)).exit, 0)
    assert.equal((await audit(files)).exit, 0, 'the files alone hold')
    const report = await audit(files, memory)
    assert.equal(report.exit, 1)
    assert.deepEqual({ kind: report.bad[0]?.kind, file: report.bad[0]?.file }, { kind, file })
    assert.equal((await audit(log(entries), memory)).exit, 0, 'a bad log is not remembered')
  })
}

/** The same entries under other keys of the same name. */
function signedAnew(by: LogKeys, listed = by.vkeys): FileMap {
  const files = new Map(makeLog(by, entries))
  files.set('vkeys', text(`${listed.join('\n')}\n`))
  return new FileMap(new Map([...files].map(([path, bytes]) => [`log/${path}`, bytes])))
}

const stranger = new LogKeys('log.example/1/q7x', 77)

for (const [name, files] of [
  ['replaced', signedAnew(stranger)],
  ['no longer listed', signedAnew(keys, keys.vkeys.slice(0, 1))],
] as const) {
  test(`T34 a key ${name}: only memory tells`, async () => {
    const memory = makeMemory()
    await audit(log(entries), memory)
    const report = await verifyDirectory({ disk: files.disk(), directory: 'log', memory })
    assert.equal(report.exit, 1)
    assert.ok(report.bad.some(({ kind }) => kind === 'fork'))
  })
}

test('a verifier who first knew one key learns the other', async () => {
  const memory = makeMemory()
  const unlisted = log(entries).without('log/vkeys').disk()
  const first = { disk: unlisted, directory: 'log', memory, keys: keys.vkeys.slice(0, 1) }
  assert.equal((await verifyDirectory(first)).exit, 0)
  assert.equal((await audit(log(entries), memory)).exit, 0)
  assert.equal((await verifyDirectory(first)).exit, 0)
})

test('a log that grew is remembered at its new size', async () => {
  const memory = makeMemory()
  await audit(log(entries.slice(0, 30)), memory)
  assert.equal((await audit(log(entries), memory)).exit, 0)
  assert.equal((await audit(log(entries.slice(0, 30)), memory)).bad[0]?.kind, 'rollback')
})

test('without a key given, what was remembered is what is trusted', async () => {
  const memory = makeMemory()
  const options = { disk: log(entries).disk(), directory: 'log', memory }
  const first = await verifyDirectory(options)
  assert.equal(first.anchor, 'key taken from this directory: self-consistency only')
  const second = await verifyDirectory(options)
  assert.equal(second.anchor, 'checkpoint 40 remembered from last time')
})

test('audits that end at the same time remember the log, all of them', async () => {
  const disk = new SimulatedDisk({ random: new SeededRandom(1) })
  const audits = [3, 4, 5, 6].map((seed) => audit(log(entries), memoryOn(disk, seed)))
  for (const report of await Promise.all(audits)) {
    assert.equal(report.exit, 0)
    assert.deepEqual(report.notChecked, [])
  }
  assert.equal((await audit(log(entries.slice(0, 30)), memoryOn(disk))).bad[0]?.kind, 'rollback')
})

test('where nothing can be written a good log stays good, and that is said', async () => {
  const disk = new SimulatedDisk({ random: new SeededRandom(1) })
  const refuse = (path: string): never => {
    throw new DiskError('DISK_IO', path, 'read only')
  }
  disk.makeDirectory = async (path): Promise<void> => refuse(path)
  const report = await audit(log(entries), memoryOn(disk))
  assert.equal(report.exit, 0)
  assert.match(report.notChecked[0]?.why ?? '', /^this log was not remembered: /)
})

test('a memory that cannot be read leaves it undecided', async () => {
  const disk = new SimulatedDisk({ random: new SeededRandom(1) })
  disk.read = async (path): Promise<never> => {
    throw new DiskError('DISK_IO', path, 'read')
  }
  assert.equal((await audit(log(entries), memoryOn(disk))).exit, 2)
})
