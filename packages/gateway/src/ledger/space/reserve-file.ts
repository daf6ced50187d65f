import { dirname } from 'node:path'
import {
  type Disk,
  type DiskFile,
  diskErrorCode,
  type Random,
  TEMPORARY_SUFFIX,
} from '../../platform/index.ts'

/** Below the data directory. It holds nothing: whoever destroys it takes the room alone. */
export const RESERVE_PATH = 'state/reserve'

const CHUNK_BYTES = 1_048_576
const STEPS = 8
const STEP_BYTES_MIN = 65_536

/**
 * Room on the disk that is nobody's: really written, so that it is ours, and cut off step by step
 * where it is needed. It has its name once it has been whole: a crash before leaves nothing; one
 * after it leaves a shorter file or a longer one, and either says truly how much is left.
 */
export class ReserveFile {
  readonly bytesMax: number
  readonly stepBytes: number
  readonly #disk: Disk
  readonly #path: string
  readonly #file: DiskFile | undefined
  readonly #random: Random
  #bytes: number
  /** It was whole once: what is missing was given back. */
  #isNamed: boolean

  private constructor(parts: ReserveParts, found: Found) {
    this.#disk = parts.disk
    this.#path = pathIn(parts.data)
    this.#random = parts.random
    this.#file = found.file
    this.#bytes = found.bytes
    this.#isNamed = found.isNamed
    this.bytesMax = parts.bytesMax
    this.stepBytes = Math.max(STEP_BYTES_MIN, Math.ceil(parts.bytesMax / STEPS))
  }

  /** Says as well whether some of it was given back by an earlier life. */
  static async open(
    parts: ReserveParts,
  ): Promise<{ readonly reserve: ReserveFile; readonly wasGivenBack: boolean }> {
    const { disk, data, bytesMax } = parts
    const path = pathIn(data)
    // A taking that did not come to its end.
    await removeIfThere(disk, path + TEMPORARY_SUFFIX)
    if (bytesMax === 0) {
      await removeIfThere(disk, path)
      const none = { file: undefined, bytes: 0, isNamed: false }
      return { reserve: new ReserveFile(parts, none), wasGivenBack: false }
    }
    const facts = await disk.stat(path)
    const isNamed = facts !== undefined
    const file = isNamed
      ? await disk.open(path, { for: 'write', create: 'never' })
      : await disk.open(path + TEMPORARY_SUFFIX, { for: 'write', create: 'new' })
    try {
      const isWhole = isNamed && facts.allocatedBytes >= facts.bytes
      // A hole is no room: power went before what fills it was on the disk.
      const bytes = isWhole ? Math.min(facts.bytes, bytesMax) : 0
      if (isNamed && facts.bytes !== bytes) await file.truncate(bytes)
      const reserve = new ReserveFile(parts, { file, bytes, isNamed })
      return { reserve, wasGivenBack: isNamed && bytes < bytesMax }
    } catch (cause) {
      await file.close()
      throw cause
    }
  }

  get bytes(): number {
    return this.#bytes
  }

  get isWhole(): boolean {
    return this.#bytes >= this.bytesMax
  }

  /** Gives one step back to the volume. False: there is none left. */
  async giveBack(): Promise<boolean> {
    if (this.#file === undefined || this.#bytes === 0) return false
    const left = Math.max(0, this.#bytes - this.stepBytes)
    await this.#file.truncate(left)
    this.#bytes = left
    return true
  }

  /**
   * Writes what is missing; noise, which no file system stores as less. Stops where `isWanted` says
   * so, and where the disk is full gives back what it took. `pause` comes between two chunks, each
   * of which is flushed by itself: records that are flushed meanwhile wait for one at most.
   */
  async take(isWanted: () => boolean, pause: () => Promise<void>): Promise<void> {
    const file = this.#file
    if (file === undefined) return
    const before = this.#bytes
    const noise = this.#random.bytes(Math.min(CHUNK_BYTES, this.bytesMax))
    try {
      while (!this.isWhole && isWanted()) {
        const chunk = noise.subarray(0, this.bytesMax - this.#bytes)
        await file.write(this.#bytes, chunk)
        await file.sync()
        this.#bytes += chunk.length
        if (!this.isWhole) await pause()
      }
      if (this.isWhole) await this.#name()
    } catch (cause) {
      await file.truncate(before)
      this.#bytes = before
      if (diskErrorCode(cause) !== 'DISK_FULL') throw cause
    }
  }

  async #name(): Promise<void> {
    if (this.#isNamed) return
    await this.#disk.rename(this.#path + TEMPORARY_SUFFIX, this.#path)
    this.#isNamed = true
    await this.#disk.syncDirectory(dirname(this.#path))
  }

  async close(): Promise<void> {
    await this.#file?.close()
  }
}

interface ReserveParts {
  readonly disk: Disk
  readonly random: Random
  readonly data: string
  readonly bytesMax: number
}

interface Found {
  readonly file: DiskFile | undefined
  readonly bytes: number
  readonly isNamed: boolean
}

function pathIn(data: string): string {
  return `${data}/${RESERVE_PATH}`
}

async function removeIfThere(disk: Disk, path: string): Promise<void> {
  if ((await disk.stat(path)) !== undefined) await disk.remove(path)
}
