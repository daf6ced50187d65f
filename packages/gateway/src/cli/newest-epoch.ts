import type { Disk } from '../platform/index.ts'
import { DiskError, diskErrorCode } from '../platform/index.ts'
import { newestEpoch as newestThere } from '../verify/index.ts'
import { CliError } from './command.ts'

/** The epoch that `verify` takes: the newest in which anything is published. */
export async function newestEpoch(disk: Disk, data: string): Promise<number> {
  const newest = await newestIn(disk, data)
  if (newest !== undefined) return newest
  throw new CliError(2, `no ledger in ${data} (another directory? --data DIR)`)
}

async function newestIn(disk: Disk, data: string): Promise<number | undefined> {
  try {
    return await newestThere(disk, data)
  } catch (error) {
    if (diskErrorCode(error) === 'DISK_NOT_FOUND') return undefined
    if (error instanceof DiskError) {
      throw new CliError(2, `cannot list ${data} (another directory? --data DIR)`, { cause: error })
    }
    throw error
  }
}
