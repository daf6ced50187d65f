import { DiskError } from './disk-error.ts'
import type { Clock, Disk, DiskFile, DiskSpace, OpenMode } from './types.ts'

const TOTAL_BYTES = 2 ** 40

/** What is wrong with a disk now. */
export interface DiskIllness {
  /** What may still be allocated, in all files together; undefined: as much as one likes. */
  readonly freeBytes?: number
  /** What each write and flush takes longer. */
  readonly slowMs?: number
  /** Writes and flushes fail, and nobody knows what is on the disk. */
  readonly isBroken?: boolean
}

/** A real disk that is made ill and well again while it is used. Only its own files count. */
export class FaultyDisk implements Disk {
  readonly #disk: Disk
  readonly #clock: Clock
  #illness: DiskIllness = {}
  #freeBytes = TOTAL_BYTES

  constructor(disk: Disk, clock: Clock) {
    this.#disk = disk
    this.#clock = clock
  }

  /** From now on. */
  suffer(illness: DiskIllness): void {
    this.#illness = illness
    this.#freeBytes = illness.freeBytes ?? TOTAL_BYTES
  }

  async open(path: string, mode: OpenMode): Promise<DiskFile> {
    if (mode.for === 'read') return this.#disk.open(path, mode)
    if (mode.create !== 'never' && (await this.#disk.stat(path)) === undefined) this.#take(1, path)
    const file = await this.#disk.open(path, mode)
    return this.#watched(file, path, await file.size())
  }

  read(path: string, bytesMax?: number): Promise<Uint8Array> {
    return this.#disk.read(path, bytesMax)
  }

  list(path: string): ReturnType<Disk['list']> {
    return this.#disk.list(path)
  }

  stat(path: string): ReturnType<Disk['stat']> {
    return this.#disk.stat(path)
  }

  async rename(from: string, to: string): Promise<void> {
    const replaced = await this.#disk.stat(to)
    await this.#disk.rename(from, to)
    this.#give(replaced?.bytes ?? 0)
  }

  async remove(path: string): Promise<void> {
    const removed = await this.#disk.stat(path)
    await this.#disk.remove(path)
    this.#give(removed?.bytes ?? 0)
  }

  async makeDirectory(path: string): Promise<void> {
    if ((await this.#disk.stat(path)) === undefined) this.#take(1, path)
    await this.#disk.makeDirectory(path)
  }

  removeDirectory(path: string): Promise<void> {
    return this.#disk.removeDirectory(path)
  }

  async syncDirectory(path: string): Promise<void> {
    await this.#endure(path)
    await this.#disk.syncDirectory(path)
  }

  async space(): Promise<DiskSpace> {
    return { freeBytes: this.#freeBytes, totalBytes: TOTAL_BYTES }
  }

  #take(bytes: number, path: string): void {
    if (bytes <= 0) return
    if (bytes > this.#freeBytes) throw new DiskError('DISK_FULL', path, 'write: no room')
    this.#freeBytes -= bytes
  }

  #give(bytes: number): void {
    this.#freeBytes += bytes
  }

  async #endure(path: string): Promise<void> {
    const { slowMs = 0, isBroken = false } = this.#illness
    if (slowMs > 0) await new Promise<void>((done) => this.#clock.after(slowMs, done))
    if (isBroken) throw new DiskError('DISK_IO', path, 'write: the disk is made to fail')
  }

  #watched(file: DiskFile, path: string, sizeBytes: number): DiskFile {
    let bytes = sizeBytes
    return {
      read: (offset, length) => file.read(offset, length),
      write: async (offset, data) => {
        this.#take(offset + data.length - bytes, path)
        bytes = Math.max(bytes, offset + data.length)
        await this.#endure(path)
        await file.write(offset, data)
      },
      sync: async () => {
        await this.#endure(path)
        await file.sync()
      },
      truncate: async (to) => {
        await file.truncate(to)
        this.#give(Math.max(0, bytes - to))
        bytes = to
      },
      size: () => file.size(),
      close: () => file.close(),
    }
  }
}
