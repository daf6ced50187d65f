import { join } from 'node:path'
import { claimDirectory, type Disk, diskErrorCode, type Ownership } from '../platform/index.ts'

/** Takes a data directory for this process, before anything in it is read or written. */
export async function claimData(disk: Disk, data: string): Promise<Ownership> {
  const state = join(data, 'state')
  await disk.makeDirectory(state)
  try {
    return await claimDirectory(state)
  } catch (cause) {
    if (diskErrorCode(cause) !== 'DISK_OWNED') throw cause
    const message = `${data} is in use by another running gateway: stop it, or take --data DIR`
    throw new Error(message, { cause })
  }
}
