import { DiskError } from '../disk-error.ts'
import type { Lock, Locked } from '../types.ts'
import type { SeededRandom } from './seeded-random.ts'
import { type Latency, never } from './simulated-machine.ts'

/** What a lock holds, wherever the process that asked is by now. */
export class LockCell {
  locked: Locked | undefined
}

/** A failing answer: `before` nothing happened, `after` the swap took place all the same. */
export type LockFault = 'before' | 'after'

export interface MemoryLockOptions {
  /** Give the same cell to the next lock after a crash, or to a second process. */
  readonly cell?: LockCell
  readonly latency?: Latency
  readonly random?: SeededRandom
}

export interface MemoryLock extends Lock {
  /** Makes the next swap fail; undefined: no more. */
  failSwap(fault: LockFault | undefined): void
  /** No call is answered from here on; a swap under way may or may not happen. */
  goDown(): void
}

/** A lock in memory, durable at once; a swap takes effect at some moment of its call. */
export function memoryLock(options: MemoryLockOptions = {}): MemoryLock {
  const { cell = new LockCell(), latency, random } = options
  let isDown = false
  let isClosed = false
  let failing: LockFault | undefined

  const passes = async (): Promise<void> => {
    if (isClosed) throw new DiskError('DISK_IO', 'lock', 'lock is closed')
    if (latency !== undefined && random !== undefined) {
      const delayMs = (latency.longestMs / 2) * (random.uint32() / 2 ** 32)
      await new Promise<void>((done) => latency.clock.after(delayMs, done))
    }
    if (isDown) await never()
  }
  return {
    async read() {
      await passes()
      return cell.locked
    },
    async swap(from, value) {
      const fault = failing
      failing = undefined
      await passes()
      if (fault === 'before') throw new DiskError('DISK_IO', 'lock', 'swap: simulated fault')
      const isMoved = (cell.locked?.version ?? 0) === from
      if (isMoved) cell.locked = { version: from + 1, value }
      await passes()
      if (fault === 'after') throw new DiskError('DISK_IO', 'lock', 'swap: simulated fault')
      return isMoved
    },
    async close() {
      isClosed = true
    },
    failSwap(fault) {
      failing = fault
    },
    goDown() {
      isDown = true
    },
  }
}
