import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { claimDirectory, diskErrorCode, type Ownership } from '../platform/index.ts'
import type { Machine } from './machine.ts'

/** How often a directory is asked for that another process has. */
const ASK_EVERY_MS = 10

/**
 * Takes a data directory for this process, before anything in it is read or written. One that
 * another process has is waited for, for that long.
 */
export async function claimData(
  { disk, clock }: Pick<Machine, 'clock' | 'disk'>,
  data: string,
  waitMs = 0,
): Promise<Ownership> {
  const state = join(data, 'state')
  await disk.makeDirectory(state)
  const untilMs = clock.ticksMs() + waitMs
  for (;;) {
    const owned = await tryClaim(state, data)
    if (!(owned instanceof Error)) return owned
    if (clock.ticksMs() >= untilMs) throw owned
    // A timer of the clock would not keep the process alive.
    await setTimeout(ASK_EVERY_MS)
  }
}

async function tryClaim(state: string, data: string): Promise<Ownership | Error> {
  try {
    return await claimDirectory(state)
  } catch (cause) {
    if (diskErrorCode(cause) !== 'DISK_OWNED') throw cause
    const message = `${data} is in use by another running gateway: stop it, or take another one`
    return new Error(message, { cause })
  }
}
