import { dirname } from 'node:path'
import { diskErrorCode } from './disk-error.ts'
import type { Disk, DiskFile } from './types.ts'

/** What a file is called until it is whole; a leftover of a crash, replaced by the next attempt. */
export const TEMPORARY_SUFFIX = '.tmp'

/** Whether a crash while a file was written durably may have left this name. */
export function isTemporaryName(name: string): boolean {
  return name.endsWith(TEMPORARY_SUFFIX)
}

export interface WriteOptions {
  readonly syncDirectory?: boolean
  /** Sets apart the temporary files of processes that may write this file at the same time. */
  readonly writer?: string
}

/**
 * Puts a whole file in place or leaves the old one: temporary file, durable write, rename. The name
 * is durable when the directory is synced: by the caller, or here when asked.
 */
export async function writeFileDurably(
  disk: Disk,
  path: string,
  bytes: Uint8Array,
  options: WriteOptions = {},
): Promise<void> {
  const { writer } = options
  const temporary = path + (writer === undefined ? '' : `.${writer}`) + TEMPORARY_SUFFIX
  const file = await openFresh(disk, temporary)
  try {
    await file.write(0, bytes)
  } finally {
    await file.close()
  }
  await disk.rename(temporary, path)
  if (options.syncDirectory === true) await disk.syncDirectory(dirname(path))
}

async function openFresh(disk: Disk, path: string): Promise<DiskFile> {
  try {
    return await disk.open(path, { for: 'write', create: 'new', durable: true })
  } catch (error) {
    if (diskErrorCode(error) !== 'DISK_EXISTS') throw error
    await disk.remove(path)
    return disk.open(path, { for: 'write', create: 'new', durable: true })
  }
}
