import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  emptyRoot,
  noteVerifier,
  openCheckpoint,
  parseVerifierKey,
  type TreeSize,
} from '@countersign/tlog'
import { ed25519, mlDsa44, nodeSha256 } from '../platform/index.ts'
import { ForwardSigner } from './checkpoint-signer.ts'
import type { PackReport } from './packer.ts'
import { type CheckpointRow, isSignedRow, StoredCheckpoints } from './stored-checkpoints.ts'
import { appendAll, changeFile, DATA, entry, flip, hasCode, Machine, ORIGIN } from './testing.ts'
import { SEGMENT_LIMITS } from './wal-writer.ts'

const limits = { ...SEGMENT_LIMITS, preallocateBytes: 4_096, segmentEntriesMax: 10 }
const ROWS = `${DATA}/1/checkpoints/00000000`

async function rowsOf(machine: Machine): Promise<readonly CheckpointRow[]> {
  const stored = new StoredCheckpoints(machine.disk, `${DATA}/1/checkpoints`)
  return Array.fromAsync(stored.rows())
}

test('every checkpoint is signed with Ed25519 and ML-DSA-44, and stored', async () => {
  const machine = new Machine()
  const ledger = await machine.open()
  const { signer } = await machine.options()
  for (let second = 0; second < 3; second += 1) {
    await appendAll(ledger, 0, 100)
    await machine.clock.advance(1_000)
  }
  await machine.clock.advance(10_000)
  const keys = signer.vkeys.map((vkey) => parseVerifierKey(nodeSha256, vkey))
  const log = keys.map((key) => noteVerifier(key, { ed25519, mlDsa44 }))
  const [first] = log
  assert.ok(first !== undefined)
  const { checkpoint, signatures } = openCheckpoint(ledger.published.note, { log })
  assert.deepEqual([checkpoint.size, signatures.length], [300, 2])
  const rows = await rowsOf(machine)
  assert.deepEqual(
    rows.map(({ size }) => size),
    [0, 100, 200, 300],
    'nothing is published while nothing grows',
  )
  assert.ok(rows.every((row) => isSignedRow(row, ORIGIN, first)))
  await ledger.close()
})

test('whole notes stay for the newest checkpoint and for the first of each hour', async () => {
  const machine = new Machine()
  const ledger = await machine.open()
  for (let quarter = 0; quarter < 9; quarter += 1) {
    await appendAll(ledger, 0, 1)
    await machine.clock.advance(900_000)
  }
  const stored = new StoredCheckpoints(machine.disk, `${DATA}/1/checkpoints`)
  assert.deepEqual(await stored.noteSizes(), [0, 1, 5, 9])
  await ledger.close()
})

test('a signer refuses a smaller size, and another root at the same size', async () => {
  const { signer } = await new Machine().options()
  const root = new Uint8Array(32).fill(1)
  const forward = new ForwardSigner(signer, { size: 5 as TreeSize, root })
  await forward.sign({ size: 5 as TreeSize, root })
  for (const wrong of [
    { size: 4 as TreeSize, root },
    { size: 5 as TreeSize, root: root.map(() => 2) },
    { size: 0 as TreeSize, root: emptyRoot(nodeSha256) },
  ]) {
    await assert.rejects(forward.sign(wrong), hasCode('LEDGER_SIGNER_REFUSED'))
  }
})

for (const [name, damage] of [
  ['cut short', (bytes: Uint8Array) => bytes.slice(0, -50)],
  ['torn', (bytes: Uint8Array) => Uint8Array.from(bytes).fill(0, bytes.length - 60)],
  ['all zeros', (bytes: Uint8Array) => Uint8Array.from(bytes).fill(0, bytes.length - 104)],
] as const) {
  test(`a last row that is ${name} is written again from the lock`, async () => {
    const machine = new Machine()
    const before = await machine.open()
    await appendAll(before, 0, 5)
    await before.close()
    const rows = await rowsOf(machine)
    await changeFile(machine.disk, ROWS, damage)
    const ledger = await machine.open()
    assert.deepEqual(await rowsOf(machine), rows)
    await ledger.close()
  })
}

test('two bad rows are no torn write', async () => {
  const machine = new Machine()
  const ledger = await machine.open()
  await appendAll(ledger, 0, 5)
  await ledger.close()
  await changeFile(machine.disk, ROWS, (bytes) => flip(150)(flip(50)(bytes)))
  await assert.rejects(machine.open(), hasCode('LEDGER_DAMAGED', /row 0 is not signed/))
})

test('a segment is dropped when it is published, packed, and its reports are taken', async () => {
  const machine = new Machine()
  const ledger = await machine.open({ limits })
  const reports: PackReport[] = []
  let refuses = true
  ledger.onPacked(async (some) => {
    if (refuses) throw new Error('not now')
    reports.push(...some)
  })
  const names = async (): Promise<readonly string[]> =>
    (await machine.disk.list(`${DATA}/state/wal`)).map(({ name }) => name)
  for (let number = 0; number < 25; number += 1) await ledger.append(entry(number))
  assert.equal((await names()).length, 3)
  machine.packer.fails = undefined
  await machine.clock.advance(1_000)
  await machine.clock.advance(1_000)
  assert.equal((await names()).length, 3, 'the reports were not taken')
  const closings = machine.packer.calls.filter((call) => call.startsWith('close'))
  assert.deepEqual(closings, ['close 0-10', 'close 10-20'], 'packed once all the same')
  refuses = false
  await machine.clock.advance(1_000)
  assert.deepEqual(await names(), ['0000000000000020.wal'])
  assert.deepEqual(
    reports.map(({ block }) => block),
    [0, 10],
  )
  await ledger.close()
})

test('a segment that is an hour old is closed without a new entry', async () => {
  const machine = new Machine()
  const ledger = await machine.open()
  await appendAll(ledger, 0, 3)
  await machine.clock.advance(3_599_000)
  assert.ok(!machine.packer.calls.includes('close 0-3'))
  await machine.clock.advance(3_000)
  assert.ok(machine.packer.calls.includes('close 0-3'))
  assert.equal(await machine.disk.stat(`${DATA}/state/wal/0000000000000000.wal`), undefined)
  await ledger.close()
})
