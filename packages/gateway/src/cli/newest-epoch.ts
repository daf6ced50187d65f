import type { Disk } from '../platform/index.ts'
import { diskErrorCode } from '../platform/index.ts'
import { CliError } from './command.ts'

/** The highest epoch that the data directory holds. */
export async function newestEpoch(disk: Disk, data: string): Promise<number> {
  const epochs = (await directories(disk, data)).filter((name) => /^[1-9][0-9]{0,8}$/.test(name))
  const newest = Math.max(...epochs.map(Number))
  if (epochs.length > 0) return newest
  throw new CliError(2, `no ledger in ${data} (another directory? --data DIR)`)
}

async function directories(disk: Disk, data: string): Promise<readonly string[]> {
  try {
    const entries = await disk.list(data)
    return entries.filter(({ kind }) => kind === 'directory').map(({ name }) => name)
  } catch (error) {
    if (diskErrorCode(error) === 'DISK_NOT_FOUND') return []
    throw error
  }
}
