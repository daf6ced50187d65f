import type { LeafIndex } from '@countersign/tlog'
import type { Clock, Disk } from '../../packages/gateway/src/platform/index.ts'
import type { RecordKeeper } from '../../packages/gateway/src/recorder/index.ts'
import { windowOf } from './risk.ts'

/** How long the recorder waits before it tries again what it owes. */
const RETRY_MS = 1_000

/**
 * A bug that the simulation must find. It is planted from outside, by a disk that is not what it
 * says: the product has no switch for it.
 */
export interface PlantedBug {
  readonly name: string
  /** Seeds before it do not meet what it takes: the search begins here. */
  readonly firstSeed: number
  /** The disk of the write-ahead log, the lock's neighbours, the checkpoint. */
  readonly ledgerDisk?: (disk: Disk) => Disk
  /** The disk of tiles, bundles and blocks. */
  readonly integrationDisk?: (disk: Disk) => Disk
  /** The disk of captured bodies. */
  readonly bodiesDisk?: (disk: Disk) => Disk
  /** The clock whose timers bring the recorder back to what it owes. */
  readonly recorderClock?: (clock: Clock) => Clock
  /** What tells the recorder of ledgers, and those what they acknowledge. */
  readonly recorderKeeper?: (keeper: RecordKeeper) => RecordKeeper
}

export const PLANTED_BUGS: readonly PlantedBug[] = [
  { name: 'acknowledge before flush', firstSeed: 1, ledgerDisk: withoutFlushes },
  { name: 'reused index', firstSeed: 1, ledgerDisk: withoutLastBatch },
  { name: 'skipped second pass', firstSeed: 40, integrationDisk: fromMemory },
  { name: 'recorder forgets what it owes', firstSeed: 1, recorderClock: withoutRetries },
  { name: 'recorder acknowledges before durable', firstSeed: 1, recorderKeeper: hasty },
  { name: 'a window is used before it is durable', firstSeed: 1, recorderKeeper: hastyWindows },
  { name: 'a relaxed record is told another place', firstSeed: 1, recorderKeeper: misplaced },
  { name: 'a body is named before it is flushed', firstSeed: 5, bodiesDisk: withoutBodyFlushes },
]

/** The write-ahead log without O_DSYNC: but for headers, a write ends when the cache has it. */
function withoutFlushes(disk: Disk): Disk {
  return {
    ...disk,
    open: async (path, mode) => {
      if (!path.includes('/wal/') || mode.for !== 'write') return disk.open(path, mode)
      const file = await disk.open(path, { ...mode, durable: false })
      return {
        ...file,
        close: () => file.close(),
        write: async (offset, bytes) => {
          await file.write(offset, bytes)
          if (offset === 0) await file.sync()
        },
      }
    },
  }
}

/** What is sealed of a body is written, and never flushed. */
function withoutBodyFlushes(disk: Disk): Disk {
  return {
    ...disk,
    open: async (path, mode) => {
      const file = await disk.open(path, mode)
      return { ...file, close: () => file.close(), sync: async () => undefined }
    },
  }
}

/** The recorder's timer for what it owes never comes. */
function withoutRetries(clock: Clock): Clock {
  return {
    nowUs: () => clock.nowUs(),
    ticksMs: () => clock.ticksMs(),
    after: (delayMs, run) =>
      delayMs === RETRY_MS ? { cancel: () => undefined } : clock.after(delayMs, run),
    atTurnEnd: (run) => clock.atTurnEnd(run),
  }
}

/** What is appended counts as recorded before the disk has it: the index can be foretold. */
function hasty(keeper: RecordKeeper): RecordKeeper {
  return {
    onIncarnation: (listener) =>
      keeper.onIncarnation((ledger) => {
        let next: number = ledger.recovery.size
        listener({
          ...ledger,
          appendFor: (entry, waiter) => {
            ledger.appendFor(entry, { durable: () => undefined, refused: () => undefined })
            const index = next++ as LeafIndex
            queueMicrotask(() => waiter.durable(index))
          },
        })
      }),
  }
}

/** The record of a window counts as durable as soon as it is appended. */
function hastyWindows(keeper: RecordKeeper): RecordKeeper {
  return {
    onIncarnation: (listener) =>
      keeper.onIncarnation((ledger) => {
        let next: number = ledger.recovery.size
        listener({
          ...ledger,
          appendFor: (entry, waiter) => {
            const index = next++ as LeafIndex
            if (windowOf(entry.opens) === undefined) return ledger.appendFor(entry, waiter)
            queueMicrotask(() => waiter.durable(index))
            return ledger.appendFor(entry, { durable: () => undefined, refused: () => undefined })
          },
        })
      }),
  }
}

/** What is promised its place is told the one behind it. */
function misplaced(keeper: RecordKeeper): RecordKeeper {
  return {
    onIncarnation: (listener) =>
      keeper.onIncarnation((ledger) => {
        listener({
          ...ledger,
          appendFor: (entry, waiter) => {
            const index = ledger.appendFor(entry, waiter)
            return index === undefined ? undefined : ((index + 1) as LeafIndex)
          },
        })
      }),
  }
}

/** Recovery does not see the last batch of a segment, and gives its indices again. */
function withoutLastBatch(disk: Disk): Disk {
  return {
    ...disk,
    read: async (path, bytesMax) => {
      const bytes = await disk.read(path, bytesMax)
      if (!path.endsWith('.wal')) return bytes
      const frame = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).lastIndexOf('CSWF')
      return frame === -1 ? bytes : bytes.fill(0, frame)
    },
  }
}

/** What is read again is what was meant to be written, not what the disk holds. */
function fromMemory(disk: Disk): Disk {
  const meant = new Map<string, Uint8Array>()
  return {
    ...disk,
    open: async (path, mode) => {
      const file = await disk.open(path, mode)
      return {
        ...file,
        close: () => file.close(),
        write: async (offset, bytes) => {
          meant.set(path, bytes.slice())
          await file.write(offset, bytes)
        },
      }
    },
    rename: async (from, to) => {
      await disk.rename(from, to)
      const bytes = meant.get(from)
      if (bytes !== undefined) meant.set(to, bytes)
      meant.delete(from)
    },
    read: async (path, bytesMax) => {
      const bytes = path.includes('/log/tile/') ? meant.get(path) : undefined
      return bytes ?? disk.read(path, bytesMax)
    },
  }
}
