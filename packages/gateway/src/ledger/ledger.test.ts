import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LeafIndex, TreeSize } from '@countersign/tlog'
import { LogReader } from './log-reader.ts'
import { appendAll, DATA, entry, Machine, text } from './testing.ts'
import { openWal } from './wal.ts'

test('an acknowledged entry has an index, and is published within a second', async () => {
  const machine = new Machine()
  const ledger = await machine.open()
  assert.deepEqual(await appendAll(ledger, 0, 3), [0, 1, 2])
  const published = ledger.waitPublished(3 as TreeSize)
  await machine.clock.advance(1_000)
  assert.equal((await published).size, 3)
  const log = new LogReader(machine.disk, `${DATA}/1/log`)
  assert.deepEqual(await log.readLeaf(1 as LeafIndex, 3 as TreeSize), text('leaf 1'))
  assert.deepEqual(await log.readCheckpoint(), text((await published).note))
  await ledger.close()
})

test('a closed ledger opens again with all its entries and goes on', async () => {
  const machine = new Machine()
  const before = await machine.open()
  await appendAll(before, 0, 600)
  await before.close()
  const ledger = await machine.open()
  assert.equal(ledger.incarnation, 2)
  assert.equal(ledger.recovery.size, 600)
  assert.deepEqual(await appendAll(ledger, 600, 601), [600])
  await ledger.close()
})

test('what was acknowledged survives a power cut, whatever was not flushed', async () => {
  const machine = new Machine()
  const before = await machine.open()
  await appendAll(before, 0, 300)
  await machine.clock.advance(1_000)
  await appendAll(before, 300, 310)
  machine.crash('lost', 0)
  const ledger = await machine.open()
  assert.equal(ledger.recovery.lockSize, 300)
  assert.equal(ledger.recovery.size, 310)
  const { sealer } = await machine.options()
  const wal = await openWal({ disk: machine.disk, directory: `${DATA}/state/wal`, sealer })
  const found = await wal.read(305 as LeafIndex)
  assert.deepEqual(Uint8Array.from(found?.payload ?? []), entry(305).payload)
  await ledger.close()
  assert.equal(ledger.published.size, 310)
})

test('a closed ledger keeps no zeros behind its last frame, and opens again', async () => {
  const machine = new Machine()
  const before = await machine.open()
  await appendAll(before, 0, 40)
  const directory = `${DATA}/state/wal`
  const bytes = async (): Promise<number> => {
    const names = await machine.disk.list(directory)
    const sizes = names.map(
      async ({ name }) => (await machine.disk.read(`${directory}/${name}`)).length,
    )
    return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0)
  }
  const open = await bytes()
  await before.close()
  const closed = await bytes()
  assert.ok(closed < open, `${closed} of ${open} bytes`)
  const wal = await openWal({
    disk: machine.disk,
    directory,
    sealer: (await machine.options()).sealer,
  })
  const found: number[] = []
  for await (const { index } of wal.entries()) found.push(index)
  assert.equal(found.length, 40)
  const ledger = await machine.open()
  assert.equal(ledger.recovery.size, 40)
  assert.deepEqual(await appendAll(ledger, 40, 41), [40])
  await ledger.close()
})
