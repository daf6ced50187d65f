import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LeafIndex, TreeSize } from '@countersign/tlog'
import { FaultyDisk } from '../platform/index.ts'
import { appendAll, entry, hasCode, Machine } from './testing.ts'

const payload = new Uint8Array(3_000)

test('a full disk refuses, keeps what it took, and resumes by itself', async () => {
  const machine = new Machine()
  const ledger = await machine.open()
  await appendAll(ledger, 0, 10)
  machine.disk.setCapacity(machine.disk.usedBytes)
  let taken = 10
  const fill = async (): Promise<void> => {
    for (;;) taken = (await ledger.append(entry(taken, { payload }))) + 1
  }
  await assert.rejects(fill(), hasCode('LEDGER_FULL'))
  assert.equal(ledger.state, 'full')
  await assert.rejects(ledger.append(entry(0)), hasCode('LEDGER_FULL'))
  await machine.clock.advance(3_000)
  assert.equal(ledger.state, 'full', 'probing does not help while there is no space')

  machine.disk.setCapacity(Number.MAX_SAFE_INTEGER)
  await machine.clock.advance(1_000)
  assert.equal(ledger.state, 'open')
  assert.equal(await ledger.append(entry(taken)), taken)
  await machine.clock.advance(2_000)
  assert.equal(ledger.published.size, taken + 1)
  await ledger.close()
  const again = await machine.open()
  assert.equal(again.recovery.size, taken + 1)
  await again.close()
})

test('a full disk takes what closes an open entry, as long as there is room', async () => {
  const machine = new Machine()
  const ledger = await machine.open()
  const tag = new Uint8Array(16)
  const open = await Promise.all([0, 1].map((n) => ledger.append(entry(n, { opens: tag }))))
  machine.disk.setCapacity(machine.disk.usedBytes)
  const fill = async (): Promise<void> => {
    for (let number = 2; ; number += 1) await ledger.append(entry(number, { payload }))
  }
  await assert.rejects(fill(), hasCode('LEDGER_FULL'))
  const [first = 0, second = 0] = open
  const closing = await ledger.append(entry(90, { closes: first as LeafIndex }))
  assert.ok(closing > second)
  const large = { payload: new Uint8Array(9_000), closes: second as LeafIndex }
  await assert.rejects(ledger.append(entry(91, large)), hasCode('LEDGER_FULL'))
  assert.ok((await ledger.append(entry(92, { closes: second as LeafIndex }))) > closing)
  await ledger.close()
})

test('a full disk is asked again though a flush took longer than that was to wait', async () => {
  const machine = new Machine()
  const disk = new FaultyDisk(machine.disk, machine.clock)
  const ledger = await machine.open({ disk })
  const open = await ledger.append(entry(0, { opens: new Uint8Array(16) }))
  machine.disk.setCapacity(machine.disk.usedBytes)
  const fill = async (): Promise<void> => {
    for (let number = 1; ; number += 1) await ledger.append(entry(number, { payload }))
  }
  await assert.rejects(fill(), hasCode('LEDGER_FULL'))
  disk.suffer({ slowMs: 2_500 })
  const large = { closes: open, payload: payload.subarray(1_000) }
  const closing = ledger.append(entry(90, large))
  await machine.clock.advance(10_000)
  await closing
  assert.equal(ledger.state, 'full')
  machine.disk.setCapacity(Number.MAX_SAFE_INTEGER)
  disk.suffer({})
  await machine.clock.advance(2_000)
  assert.equal(ledger.state, 'open')
  await ledger.close()
})

test('a disk that fills while publishing is tried again, and writes no row twice', async () => {
  const machine = new Machine()
  const ledger = await machine.open()
  await appendAll(ledger, 0, 300)
  const code = 'DISK_FULL'
  for (const path of ['tile', 'checkpoint', 'notes', 'checkpoints/0']) {
    machine.disk.inject({ operation: 'write', nth: 1, path, code, effect: 'part' })
    await machine.clock.advance(1_000)
    assert.equal(ledger.state, 'open', path)
  }
  await machine.clock.advance(1_000)
  assert.equal(ledger.published.size, 300 as TreeSize)
  const rows = (await machine.disk.read('/data/1/checkpoints/00000000')).length / 104
  assert.equal(rows, 2, 'the row was written once')
  await ledger.close()
})

test('the queue waits for an integration that is behind', async () => {
  const machine = new Machine()
  const ledger = await machine.open({ backlogEntriesMax: 50 })
  for (let first = 0; first < 200; first += 40) await appendAll(ledger, first, first + 40)
  assert.equal(ledger.published.size, 0, 'no time has passed: it settled for the queue alone')
  assert.ok(machine.packer.calls.includes('settle 80'), String(machine.packer.calls))
  await ledger.close()
})

test('what cannot be integrated, because its disk is full, is bounded', async () => {
  const machine = new Machine()
  const ledger = await machine.open({ backlogEntriesMax: 50 })
  await appendAll(ledger, 0, 60)
  const code = 'DISK_FULL'
  machine.disk.inject({ operation: 'write', nth: 1, path: 'tile', code })
  await assert.rejects(ledger.append(entry(60)), hasCode('LEDGER_BACKLOG'))
  assert.equal(await ledger.append(entry(60)), 60)
  await ledger.close()
})
