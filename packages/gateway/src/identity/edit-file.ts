import { type Disk, diskErrorCode, writeFileDurably } from '../platform/index.ts'

/** A text file as it stands; empty when there is none. */
export async function readIfThere(disk: Disk, path: string, bytesMax: number): Promise<string> {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(await disk.read(path, bytesMax))
  } catch (error) {
    if (diskErrorCode(error) === 'DISK_NOT_FOUND') return ''
    throw error
  }
}

/** Puts another text in its place, durable when it resolves. */
export async function writeWhole(disk: Disk, path: string, text: string): Promise<void> {
  await writeFileDurably(disk, path, new TextEncoder().encode(text), { syncDirectory: true })
}
