import { diskErrorCode } from './disk-error.ts'
import type { Disk, DiskFile } from './types.ts'

/**
 * A disk that asks for room where it is full, and then tries again, for as long as some is made.
 * Writes name their offset and bytes, so that doing one again does it once.
 */
export function roomyDisk(disk: Disk, makeRoom: () => Promise<boolean>): Disk {
  const again = async <Result>(run: () => Promise<Result>): Promise<Result> => {
    for (;;) {
      try {
        return await run()
      } catch (error) {
        if (diskErrorCode(error) !== 'DISK_FULL' || !(await makeRoom())) throw error
      }
    }
  }
  return {
    open: async (path, mode) => {
      if (mode.for === 'read') return disk.open(path, mode)
      return roomyFile(await again(() => disk.open(path, mode)))
    },
    read: (path, bytesMax) => disk.read(path, bytesMax),
    list: (path) => disk.list(path),
    stat: (path) => disk.stat(path),
    rename: (from, to) => again(() => disk.rename(from, to)),
    remove: (path) => disk.remove(path),
    makeDirectory: (path) => again(() => disk.makeDirectory(path)),
    removeDirectory: (path) => disk.removeDirectory(path),
    syncDirectory: (path) => disk.syncDirectory(path),
    space: (path) => disk.space(path),
  }

  function roomyFile(file: DiskFile): DiskFile {
    return {
      read: (offset, length) => file.read(offset, length),
      write: (offset, bytes) => again(() => file.write(offset, bytes)),
      // What a failed flush left is known to nobody: one failure is final.
      sync: () => file.sync(),
      truncate: (bytes) => file.truncate(bytes),
      size: () => file.size(),
      close: () => file.close(),
    }
  }
}
