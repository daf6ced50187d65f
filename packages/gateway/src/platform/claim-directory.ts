import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { DiskError } from './disk-error.ts'
import type { Ownership } from './types.ts'

const SQLITE_BUSY = 5

/**
 * Holds an exclusive transaction open on `owner.db` in the directory. The kernel lets go of it when
 * the process dies in whatever way, so a stale claim cannot survive. Nothing else in this process
 * may open that file: closing any handle on it would drop the kernel's lock.
 */
export async function claimDirectory(directory: string): Promise<Ownership> {
  const path = join(directory, 'owner.db')
  const database = openDatabase(path)
  try {
    database.exec('BEGIN EXCLUSIVE')
  } catch (cause) {
    database.close()
    const busy = cause instanceof Error && 'errcode' in cause && cause.errcode === SQLITE_BUSY
    if (!busy) throw new DiskError('DISK_IO', path, 'cannot claim the directory', { cause })
    const why = 'directory is in use by another running process, which holds'
    throw new DiskError('DISK_OWNED', path, why, { cause })
  }
  return {
    async release() {
      if (database.isOpen) database.close()
    },
  }
}

function openDatabase(path: string): DatabaseSync {
  try {
    return new DatabaseSync(path, { timeout: 0 })
  } catch (cause) {
    throw new DiskError('DISK_IO', path, 'cannot claim the directory', { cause })
  }
}
