import {
  type Disk,
  diskErrorCode,
  writeFileDurably,
} from '../../packages/gateway/src/platform/index.ts'

/** Every file below a directory, as somebody copied it. */
export type Backup = ReadonlyMap<string, Uint8Array>

export async function copyFiles(disk: Disk, directory: string): Promise<Backup> {
  const files = new Map<string, Uint8Array>()
  for (const path of await pathsBelow(disk, directory)) files.set(path, await disk.read(path))
  return files
}

/** Puts the copy in the place of whatever is there, all of it durable. */
export async function restoreFiles(disk: Disk, directory: string, backup: Backup): Promise<void> {
  for (const path of await pathsBelow(disk, directory)) {
    if (!backup.has(path)) await disk.remove(path)
  }
  for (const [path, bytes] of backup) {
    await disk.makeDirectory(path.slice(0, path.lastIndexOf('/')))
    await writeFileDurably(disk, path, bytes, { syncDirectory: true })
  }
}

async function pathsBelow(disk: Disk, directory: string): Promise<readonly string[]> {
  const paths: string[] = []
  try {
    for (const { name, kind } of await disk.list(directory)) {
      const path = `${directory}/${name}`
      if (kind === 'directory') paths.push(...(await pathsBelow(disk, path)))
      else paths.push(path)
    }
  } catch (error) {
    if (diskErrorCode(error) !== 'DISK_NOT_FOUND') throw error
  }
  return paths
}
