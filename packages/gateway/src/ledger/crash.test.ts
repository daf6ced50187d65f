// Every disk operation that the ledger makes is failed once, in three ways, and the power cut right
// after. Whatever stage it hits: nothing acknowledged is lost, nothing published is contradicted.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TreeSize } from '@countersign/tlog'
import type { DiskFault, DiskOperation } from '../platform/index.ts'
import type { Ledger } from './ledger.ts'
import type { Published } from './publisher.ts'
import { entry, Machine, readLeaves, rootOf } from './testing.ts'
import { SEGMENT_LIMITS } from './wal-writer.ts'

const limits = { ...SEGMENT_LIMITS, preallocateBytes: 4_096, segmentEntriesMax: 150 }

/** What the world outside saw. */
class Witness {
  readonly acknowledged = new Map<number, Uint8Array>()
  readonly published: Published[] = []

  watch(ledger: Ledger): void {
    this.published.push(ledger.published)
    ledger.onPublished((published) => this.published.push(published))
  }

  async append(ledger: Ledger, count: number): Promise<void> {
    const first = this.acknowledged.size * 1_000
    const numbers = Array.from({ length: count }, (_, at) => first + at)
    const answers = numbers.map(async (number) => {
      const index = await ledger.append(entry(number))
      assert.ok(!this.acknowledged.has(index), `index ${index} was given twice`)
      this.acknowledged.set(index, entry(number).leaf)
    })
    await Promise.allSettled(answers)
  }

  async examine(machine: Machine, size: TreeSize): Promise<void> {
    const leaves = await readLeaves(machine.disk.observer(), size)
    assert.equal(leaves.length, size)
    for (const [index, leaf] of this.acknowledged) {
      assert.deepEqual(Uint8Array.from(leaves[index] ?? []), leaf, `entry ${index}`)
    }
    for (const { size: at, root } of this.published) {
      assert.deepEqual(rootOf(leaves.slice(0, at)), root, `root at ${at}`)
    }
    assert.deepEqual(machine.disk.misuses, [])
  }
}

async function live(machine: Machine, witness: Witness): Promise<void> {
  const ledger = await machine.open({ limits })
  witness.watch(ledger)
  await witness.append(ledger, 100)
  await machine.clock.advance(1_000)
  await witness.append(ledger, 170)
  await machine.clock.advance(1_000)
  await witness.append(ledger, 3)
  await ledger.close()
}

/** A life that ends in a power cut, with a torn write and entries that no checkpoint covers. */
async function endEarly(machine: Machine, witness: Witness): Promise<void> {
  const ledger = await machine.open({ limits })
  witness.watch(ledger)
  await witness.append(ledger, 120)
  await machine.clock.advance(1_000)
  await witness.append(ledger, 60)
  machine.disk.inject({ operation: 'write', nth: 1, effect: 'part', path: '.wal' })
  await witness.append(ledger, 5)
  machine.crash('lost', 0.5)
}

/** False: the fault was never reached. */
async function survives(fault: DiskFault, isRecovery: boolean): Promise<boolean> {
  const machine = new Machine(fault.nth)
  const witness = new Witness()
  await machine.options()
  if (isRecovery) await endEarly(machine, witness)
  machine.disk.inject(fault)
  await live(machine, witness).catch(() => undefined)
  const isHit = machine.disk.takeHits().size > 0
  machine.disk.clearFaults()
  machine.crash('lost', fault.nth % 3 === 0 ? 0 : 0.5)
  const ledger = await machine.open({ limits })
  witness.watch(ledger)
  await witness.append(ledger, 2)
  await ledger.close()
  await witness.examine(machine, ledger.size)
  return isHit
}

for (const [operation, stride] of [
  ['write', 1],
  ['rename', 1],
  ['open', 3],
  ['close', 5],
  ['sync-directory', 2],
  ['make-directory', 2],
  ['remove', 1],
  ['list', 1],
  ['read', 5],
  ['truncate', 1],
] as const satisfies readonly (readonly [DiskOperation, number])[]) {
  for (const life of ['a first life', 'a life that recovers']) {
    test(`a power cut at any ${operation} of ${life} loses nothing`, async (t) => {
      const isRecovery = life !== 'a first life'
      let points = 0
      for (let nth = 1; ; nth += stride) {
        const effect = (['none', 'part', 'all'] as const)[nth % 3] ?? 'none'
        if (!(await survives({ operation, nth, effect }, isRecovery))) break
        points += 1
      }
      t.diagnostic(`${points} points`)
      assert.ok(points > 0)
    })
  }
}
