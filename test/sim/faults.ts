import type { DiskFault, DiskOperation } from '../../packages/gateway/src/platform/index.ts'
import type { Hits } from './coverage.ts'
import type { Machine } from './machine.ts'

const HOUR_US = 3_600_000_000
const FROZEN_MS_MIN = 60_000
const PAGE_BYTES = 4_096
const WITHIN_OPERATIONS = [2, 8, 40] as const
const FREE_PAGES_MAX = 12

const OPERATIONS: readonly [DiskOperation, ...DiskOperation[]] = [
  'open',
  'read',
  'write',
  'sync',
  'sync-directory',
  'rename',
  'remove',
  'close',
  'list',
  'stat',
  'make-directory',
]
const PLACES: readonly [string, ...string[]] = ['', '', '/wal/', '/log/', '/checkpoints/', '/keys/']

/** What the world does to a machine. */
export class Faults {
  readonly #machine: Machine
  readonly #hits: Hits
  isFull = false

  constructor({ machine, hits }: { readonly machine: Machine; readonly hits: Hits }) {
    this.#machine = machine
    this.#hits = hits
  }

  /** Some operation will fail, somewhere, soon. */
  disk(): void {
    const { random, disk } = this.#machine
    const fault: DiskFault = {
      operation: random.pick(OPERATIONS),
      nth: 1 + random.below(random.pick(WITHIN_OPERATIONS)),
      path: random.pick(PLACES),
      effect: random.pick(['none', 'none', 'part', 'all']),
    }
    disk.inject(fault)
  }

  /** The next flush of the write-ahead log, or one soon after, fails. */
  flush(): void {
    const { random, disk } = this.#machine
    const nth = 1 + random.below(5)
    const effect = random.pick(['none', 'part', 'all'])
    disk.inject({ operation: 'write', path: '/wal/', nth, effect })
  }

  /** A tile or bundle will not be what was written. What was acknowledged has no such luck. */
  flip(): void {
    const { random, disk } = this.#machine
    const nth = 1 + random.below(8)
    disk.inject({ operation: 'write', path: '/log/tile/', nth, effect: 'flip' })
  }

  lock(): void {
    const { random, lock } = this.#machine
    const fault = random.pick(['before', 'after'])
    lock.failSwap(fault)
    this.#hits.add(fault === 'before' ? 'fault: lock, swap not done' : 'fault: lock, swap done')
  }

  /** The disk fills up, or somebody makes room. */
  space(): void {
    const { random, disk } = this.#machine
    if (this.isFull) {
      this.makeRoom()
      return
    }
    this.isFull = true
    disk.setCapacity(disk.usedBytes + random.below(FREE_PAGES_MAX) * PAGE_BYTES)
  }

  makeRoom(): void {
    this.isFull = false
    this.#machine.disk.setCapacity(Number.MAX_SAFE_INTEGER)
  }

  evict(): void {
    this.#machine.disk.evict()
    this.#hits.add('fault: pages evicted')
  }

  clock(): void {
    const { random, clock } = this.#machine
    const byUs = random.pick([-HOUR_US, 24 * HOUR_US, -24 * HOUR_US, 40 * 24 * HOUR_US])
    clock.jump(byUs)
    this.#hits.add(byUs < 0 ? 'fault: clock back' : 'fault: clock forward')
  }

  /** The process does not run for a while: time passes, and no timer in it. */
  freeze(): void {
    const { random, clock } = this.#machine
    clock.freeze(FROZEN_MS_MIN + random.below(FROZEN_MS_MIN))
    this.#hits.add('fault: process frozen')
  }

  /** From here on nothing fails. */
  end(): void {
    this.#machine.disk.clearFaults()
    this.#machine.lock.failSwap(undefined)
    this.makeRoom()
  }
}
