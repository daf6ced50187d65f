import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HAND_OVER_BYTES, HAND_OVER_MS } from './hand-over.ts'
import { appendAll, entry, Machine } from './testing.ts'

/** Long enough for no checkpoint to come in between. */
const publishEveryMs = 60_000

test('what is acknowledged waits for its like, and not for a checkpoint', async () => {
  const machine = new Machine()
  const ledger = await machine.open({ publishEveryMs })
  await appendAll(ledger, 0, 3)
  await machine.clock.advance(HAND_OVER_MS - 1)
  await appendAll(ledger, 3, 5)
  assert.equal(machine.packer.entries.size, 0)
  await machine.clock.advance(1)
  assert.equal(machine.packer.entries.size, 5)
  await ledger.close()
})

test('what fills the room is integrated at once, what comes after it waits', async () => {
  const machine = new Machine()
  const ledger = await machine.open({ publishEveryMs })
  const payload = new Uint8Array(HAND_OVER_BYTES / 8)
  for (let number = 0; number < 8; number += 1) await ledger.append(entry(number, { payload }))
  assert.equal(machine.packer.entries.size, 7)
  await ledger.append(entry(8, { payload: new Uint8Array(HAND_OVER_BYTES) }))
  assert.equal(machine.packer.entries.size, 9)
  await ledger.close()
})

test('batches use the same memory, and what was handed over stays as it was', async () => {
  const machine = new Machine()
  const ledger = await machine.open({ publishEveryMs })
  for (let number = 0; number < 40; number += 2) {
    await appendAll(ledger, number, number + 2)
    if (number % 10 === 0) await machine.clock.advance(HAND_OVER_MS)
  }
  await ledger.close()
  const kept = [...machine.packer.entries.values()].map(({ payload }) => Uint8Array.from(payload))
  assert.deepEqual(
    kept,
    kept.map((_, number) => entry(number).payload),
  )
  assert.equal(kept.length, 40)
})

test('what waits when the power is cut is integrated by the next start', async () => {
  const machine = new Machine()
  const before = await machine.open({ publishEveryMs })
  await appendAll(before, 0, 3)
  assert.equal(machine.packer.entries.size, 0)
  machine.crash('lost')
  const ledger = await machine.open({ publishEveryMs })
  assert.equal(machine.packer.entries.size, 3)
  await ledger.close()
  assert.equal(ledger.published.size, 3)
})
