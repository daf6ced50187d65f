import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LeafIndex } from '@countersign/tlog'
import { SeededRandom } from '../platform/index.ts'
import type { Entry } from './entry.ts'
import type { Ledger } from './ledger.ts'
import { entry, hasCode, Machine } from './testing.ts'

const TAG = new Uint8Array(16)
const LINGER_MS = 10

/** What became of one entry that nobody waited for. */
interface Told {
  promised: LeafIndex | undefined
  durable?: LeafIndex
  refused?: Error
}

function append(ledger: Ledger, what: Entry): Told {
  const told: Told = { promised: undefined }
  const waiter = {
    durable: (index: LeafIndex): void => {
      told.durable = index
    },
    refused: (error: Error): void => {
      told.refused = error
    },
  }
  told.promised = ledger.appendFor(what, waiter)
  return told
}

const relaxed = (number: number, more: Partial<Entry> = {}): Entry =>
  entry(number, { isRelaxed: true, ...more })

test('a relaxed entry knows its place, and waits for others', async () => {
  const machine = new Machine()
  const ledger = await machine.open()
  const [first, second] = [append(ledger, relaxed(0)), append(ledger, relaxed(1))]
  assert.deepEqual([first.promised, second.promised], [0, 1])
  await machine.clock.advance(LINGER_MS - 1)
  assert.equal(first.durable, undefined)
  await machine.clock.advance(1)
  assert.deepEqual([first.durable, second.durable], [0, 1])
  await ledger.close()
})

test('somebody who waits takes along what waits', async () => {
  const machine = new Machine()
  const ledger = await machine.open()
  const before = append(ledger, relaxed(0))
  assert.equal(await ledger.append(entry(1)), 1)
  assert.equal(before.durable, 0)
  await ledger.close()
})

test('what is promised can be closed before it is durable, once', async () => {
  const machine = new Machine()
  const ledger = await machine.open()
  const open = append(ledger, relaxed(0, { opens: TAG }))
  const closes = open.promised
  assert.equal(append(ledger, relaxed(1, { closes })).promised, 1)
  assert.throws(() => append(ledger, relaxed(2, { closes })), hasCode('LEDGER_INTENT_CLOSED'))
  await machine.clock.advance(LINGER_MS)
  assert.throws(() => append(ledger, relaxed(3, { closes })), hasCode('LEDGER_INTENT_CLOSED'))
  await ledger.close()
  const again = await machine.open()
  assert.deepEqual(again.recovery.interrupted, [])
  await again.close()
})

test('a close writes what waits', async () => {
  const machine = new Machine()
  const ledger = await machine.open()
  const told = append(ledger, relaxed(0))
  await ledger.close()
  assert.equal(told.durable, 0)
})

test('a full disk promises nothing, and keeps what was promised', async () => {
  const machine = new Machine()
  const ledger = await machine.open()
  const payload = new Uint8Array(300)
  machine.disk.setCapacity(machine.disk.usedBytes)
  const told: Told[] = []
  let refusal: unknown
  for (let number = 0; refusal === undefined && number < 1_000; number += 1) {
    try {
      told.push(append(ledger, relaxed(number, { payload })))
    } catch (error) {
      refusal = error
    }
    if (number % 3 === 2) await machine.clock.advance(LINGER_MS)
  }
  assert.ok(hasCode('LEDGER_FULL')(refusal))
  const promised = told.filter((each) => each.promised !== undefined)
  assert.ok(promised.length > 5, `${promised.length} were promised`)
  for (const each of promised) assert.equal(each.durable, each.promised)
  await ledger.close()
})

test('a life that ends keeps no promise, and tells', async () => {
  const machine = new Machine()
  const ledger = await machine.open()
  const told = append(ledger, relaxed(0))
  machine.disk.inject({ operation: 'write', nth: 1, path: 'wal', code: 'DISK_IO' })
  await machine.clock.advance(LINGER_MS)
  assert.equal(told.promised, 0)
  assert.ok(told.refused !== undefined && told.durable === undefined)
  await ledger.died
})

test('whatever the disk does, a promised place is the place, or the instance is gone', async () => {
  let kept = 0
  for (let seed = 1; seed <= 40; seed += 1) kept += await stress(seed)
  assert.ok(kept > 1_000, `${kept} promises were kept`)
})

/** Appends at random, on a disk that is full now and then, into segments of a few entries. */
async function stress(seed: number): Promise<number> {
  const random = new SeededRandom(seed)
  const machine = new Machine(seed)
  const preallocateBytes = random.pick([512, 4_096, 16_384])
  const segmentEntriesMax = random.pick([7, 40, 1_000])
  const limits = { segmentEntriesMax, segmentBytesMax: 65_536, segmentAgeMsMax: 60_000 }
  const ledger = await machine.open({
    limits: { ...limits, preallocateBytes },
    backlogEntriesMax: random.pick([20, 98_304]),
  })
  const all: Told[] = []
  for (let number = 0; number < 200; number += 1) {
    const payload = new Uint8Array(random.below(random.pick([50, 900])))
    const isRelaxed = random.chance(0.6)
    try {
      all.push(append(ledger, entry(number, { payload, isRelaxed })))
    } catch (error) {
      assert.ok(hasCode('LEDGER_FULL')(error))
    }
    if (random.chance(0.05)) machine.disk.setCapacity(machine.disk.usedBytes)
    if (random.chance(0.05)) machine.disk.setCapacity(Number.MAX_SAFE_INTEGER)
    if (random.chance(0.3)) await machine.clock.advance(random.below(12))
  }
  machine.disk.setCapacity(Number.MAX_SAFE_INTEGER)
  await machine.clock.advance(3_000)
  assert.equal(ledger.state, 'open', `seed ${seed}`)
  const promised = all.filter((each) => each.promised !== undefined)
  for (const each of promised) assert.equal(each.durable, each.promised, `seed ${seed}`)
  await ledger.close()
  return promised.length
}
