import { type Disk, type DiskFile, diskErrorCode, type Random } from '../../platform/index.ts'

/** Below the data directory. It holds nothing: whoever destroys it takes the room alone. */
export const RESERVE_PATH = 'state/reserve'

const CHUNK_BYTES = 1_048_576
const STEPS = 8
const STEP_BYTES_MIN = 65_536

/**
 * Room on the disk that is nobody's: really written, so that it is ours, and cut off step by step
 * where it is needed. A crash at any moment leaves a shorter file or a longer one, and either says
 * truly how much is left.
 */
export class ReserveFile {
  readonly bytesMax: number
  readonly stepBytes: number
  readonly #file: DiskFile
  readonly #random: Random
  #bytes: number

  private constructor(parts: {
    readonly file: DiskFile
    readonly random: Random
    readonly bytes: number
    readonly bytesMax: number
  }) {
    this.#file = parts.file
    this.#random = parts.random
    this.#bytes = parts.bytes
    this.bytesMax = parts.bytesMax
    this.stepBytes = Math.max(STEP_BYTES_MIN, Math.ceil(parts.bytesMax / STEPS))
  }

  /** Says as well whether some of it was given back by an earlier life. */
  static async open(parts: {
    readonly disk: Disk
    readonly random: Random
    readonly data: string
    readonly bytesMax: number
  }): Promise<{ readonly reserve: ReserveFile; readonly wasGivenBack: boolean }> {
    const { disk, data, random, bytesMax } = parts
    const path = `${data}/${RESERVE_PATH}`
    const facts = await disk.stat(path)
    const file = await disk.open(path, { for: 'write', create: 'if-missing' })
    try {
      const isWhole = facts !== undefined && facts.allocatedBytes >= facts.bytes
      // A hole is no room: power went before what fills it was on the disk.
      const bytes = isWhole ? Math.min(facts.bytes, bytesMax) : 0
      if (facts !== undefined && facts.bytes !== bytes) await file.truncate(bytes)
      const reserve = new ReserveFile({ file, random, bytes, bytesMax })
      // Nothing at all is a volume that never had the room: it serves as it would without.
      return { reserve, wasGivenBack: bytes > 0 && bytes < bytesMax }
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
    if (this.#bytes === 0) return false
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
    const before = this.#bytes
    const noise = this.#random.bytes(Math.min(CHUNK_BYTES, this.bytesMax))
    try {
      while (!this.isWhole && isWanted()) {
        const chunk = noise.subarray(0, this.bytesMax - this.#bytes)
        await this.#file.write(this.#bytes, chunk)
        await this.#file.sync()
        this.#bytes += chunk.length
        if (!this.isWhole) await pause()
      }
    } catch (cause) {
      await this.#file.truncate(before)
      this.#bytes = before
      if (diskErrorCode(cause) !== 'DISK_FULL') throw cause
    }
  }

  close(): Promise<void> {
    return this.#file.close()
  }
}
