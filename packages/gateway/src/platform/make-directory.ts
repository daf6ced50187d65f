import { dirname } from 'node:path'
import { DiskError, diskErrorCode } from './disk-error.ts'
import type { FileFacts } from './types.ts'

/** The steps that a disk knows; `sync` makes the names in a directory durable. */
export interface DirectorySteps {
  stat(path: string): Promise<FileFacts | undefined>
  make(path: string): Promise<void>
  sync(path: string): Promise<void>
}

/**
 * Makes an absolute directory, parents first, each flushed before the next is made in it. So at
 * most the deepest directory found was left unflushed by a process that died here: it is flushed
 * again.
 */
export async function makeDirectoryDurably(path: string, disk: DirectorySteps): Promise<void> {
  const found = await disk.stat(path)
  if (found?.kind === 'directory') return syncNameFound(path, disk)
  if (found !== undefined) throw new DiskError('DISK_EXISTS', path, 'not a directory')
  await makeDirectoryDurably(dirname(path), disk)
  try {
    await disk.make(path)
  } catch (error) {
    if (diskErrorCode(error) !== 'DISK_EXISTS') throw error
  }
  await disk.sync(dirname(path))
}

/** A parent that may not be read (a private state directory) is not one that was written by us. */
async function syncNameFound(path: string, disk: DirectorySteps): Promise<void> {
  try {
    await disk.sync(dirname(path))
  } catch (error) {
    const cause = error instanceof DiskError ? error.cause : undefined
    if (!(cause instanceof Error && 'code' in cause && cause.code === 'EACCES')) throw error
  }
}
