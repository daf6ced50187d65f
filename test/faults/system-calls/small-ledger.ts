import { hash } from 'node:crypto'
import type { Entry } from '../../../packages/gateway/src/ledger/index.ts'
import {
  claimDirectory,
  nodeDisk,
  SeededRandom,
  SimulatedClock,
  sqliteLock,
} from '../../../packages/gateway/src/platform/index.ts'
import type { World } from '../../sim/assembly.ts'

/** Entries that the writer appends; segments are closed twice meanwhile. */
export const ENTRIES = 22
export const PUBLISH_EVERY_MS = 1_000
const SEGMENT_ENTRIES_MAX = 8

/** Below the directory of one run. The lock lies apart, as on a volume of its own. */
export const DATA_NAME = 'data'
export const LOCK_NAME = 'lock'

/** The world of the writer, and of whoever opens its directory after it. */
export async function openWorld(home: string): Promise<{ world: World; clock: SimulatedClock }> {
  const disk = nodeDisk()
  const clock = new SimulatedClock()
  const data = `${home}/${DATA_NAME}`
  await disk.makeDirectory(`${data}/state`)
  await disk.makeDirectory(`${home}/${LOCK_NAME}`)
  const world: World = {
    disk,
    clock,
    random: new SeededRandom(1),
    lock: sqliteLock(`${home}/${LOCK_NAME}/lock.db`),
    claim: claimDirectory,
    data,
    publishEveryMs: PUBLISH_EVERY_MS,
    limits: {
      segmentEntriesMax: SEGMENT_ENTRIES_MAX,
      segmentBytesMax: 1_048_576,
      segmentAgeMsMax: 3_600_000,
      preallocateBytes: 4_096,
    },
  }
  return { world, clock }
}

/** The same entry for the same number, whoever asks. */
export function entryAt(number: number): Entry {
  const leaf = new Uint8Array(33).fill(1, 0, 1)
  leaf.set(hash('sha256', `entry ${number}`, 'buffer'), 1)
  return { leaf, payload: Buffer.from(`payload of entry ${number}`) }
}
