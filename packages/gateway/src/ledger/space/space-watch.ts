import type { Clock, Disk, Random, Timer } from '../../platform/index.ts'
import { type DiskConfig, marksOf } from './disk-config.ts'
import { ReserveFile } from './reserve-file.ts'

/** `low`: somebody should make room. `scarce`: what is left is not for traffic. */
export type SpaceLevel = 'ample' | 'low' | 'scarce'

export interface SpaceFacts {
  readonly level: SpaceLevel
  readonly freeBytes: number
  readonly totalBytes: number
  /** What is left of the reserve, and what there should be. */
  readonly reserveBytes: number
  readonly reserveBytesMax: number
}

export interface SpaceWatchOptions {
  readonly disk: Disk
  readonly clock: Clock
  readonly random: Random
  /** The data directory. */
  readonly data: string
  readonly config: DiskConfig
  /** After each look, and at once where the level changes. Must not throw. */
  readonly onLook: (facts: SpaceFacts) => void
  /** The volume cannot be asked, or the reserve not be written or cut. */
  readonly onFault: (fault: unknown) => void
}

const LOOK_EVERY_MS = 1_000
const TAKE_AGAIN_MS = 10_000
const TAKE_PAUSE_MS = 10
/** A level is left where there is an eighth more room than it begins with: it does not flutter. */
const LEAVE = 9 / 8

/**
 * Looks how much room is left on the volume of the data, keeps the reserve, and gives it back step
 * by step when the disk is full. What is given back is taken again before traffic is.
 */
export class SpaceWatch {
  readonly #options: SpaceWatchOptions
  readonly #reserve: ReserveFile
  #facts: SpaceFacts
  /** Some of the reserve was given back, and is not whole again. */
  #isOpened: boolean
  #timer: Timer | undefined
  #looking: Promise<void> | undefined
  #giving: Promise<boolean> | undefined
  #taking: Promise<void> | undefined
  #takeFromMs = 0
  #endPause: () => void = () => undefined
  #isClosed = false

  private constructor(options: SpaceWatchOptions, reserve: ReserveFile, wasGivenBack: boolean) {
    this.#options = options
    this.#reserve = reserve
    this.#isOpened = wasGivenBack
    const { bytes: reserveBytes, bytesMax: reserveBytesMax } = reserve
    const level = wasGivenBack ? 'scarce' : 'ample'
    this.#facts = { level, freeBytes: 0, totalBytes: 0, reserveBytes, reserveBytesMax }
  }

  /** Resolves after the first look; a reserve that is missing is taken meanwhile. */
  static async open(options: SpaceWatchOptions): Promise<SpaceWatch> {
    const { disk, random, data, config } = options
    await disk.makeDirectory(`${data}/state`)
    const { reserve, wasGivenBack } = await ReserveFile.open({
      disk,
      random,
      data,
      bytesMax: config.reserveBytes,
    })
    const watch = new SpaceWatch(options, reserve, wasGivenBack)
    try {
      await watch.#measure()
    } catch (cause) {
      await reserve.close()
      throw cause
    }
    watch.#look()
    return watch
  }

  get facts(): SpaceFacts {
    return this.#facts
  }

  get isScarce(): boolean {
    return this.#facts.level === 'scarce'
  }

  /** The disk was met full. True: there is room now, and it is worth another try. */
  makeRoom(): Promise<boolean> {
    if (this.#isClosed) return Promise.resolve(false)
    this.#giving ??= this.#giveBack().finally(() => {
      this.#giving = undefined
    })
    return this.#giving
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#timer?.cancel()
    this.#endPause()
    await this.#looking
    await this.#giving
    await this.#reserve.close()
  }

  async #giveBack(): Promise<boolean> {
    if (this.#reserve.bytesMax > 0) {
      this.#isOpened = true
      this.#tell({})
    }
    // What is being taken stops first, and tells its own failure.
    await Promise.allSettled([this.#taking])
    try {
      return await this.#reserve.giveBack()
    } catch (fault) {
      this.#options.onFault(fault)
      return false
    } finally {
      this.#isOpened = !this.#reserve.isWhole && this.#reserve.bytesMax > 0
      this.#tell({})
    }
  }

  #look(): void {
    this.#looking = this.#keep().finally(() => {
      this.#looking = undefined
      if (this.#isClosed) return
      this.#timer = this.#options.clock.after(LOOK_EVERY_MS, () => this.#look())
    })
  }

  async #keep(): Promise<void> {
    try {
      await this.#measure()
      const { freeBytes, totalBytes } = this.#facts
      const { bytes, bytesMax, stepBytes, isWhole } = this.#reserve
      // A step stays free for whatever is written where nobody asks for room.
      if (freeBytes < stepBytes && bytes > 0) {
        await this.makeRoom()
      } else if (!isWhole) {
        const { refuseBytes } = marksOf(this.#options.config, totalBytes)
        const neededBytes = bytesMax - bytes + Math.max(refuseBytes * LEAVE, 2 * stepBytes)
        if (freeBytes >= neededBytes && this.#options.clock.ticksMs() >= this.#takeFromMs) {
          await this.#take()
        }
      }
    } catch (fault) {
      this.#options.onFault(fault)
    }
  }

  async #take(): Promise<void> {
    const isWanted = (): boolean => !this.#isClosed && this.#giving === undefined
    // A volume may say that it has room, and a quota say that it is somebody else's.
    this.#takeFromMs = this.#options.clock.ticksMs() + TAKE_AGAIN_MS
    this.#taking = this.#reserve
      .take(isWanted, () => this.#pause())
      .finally(() => {
        this.#taking = undefined
      })
    await this.#taking
    if (this.#reserve.isWhole) {
      this.#takeFromMs = 0
      // Unless some of it is asked for again.
      if (this.#giving === undefined) this.#isOpened = false
    }
    await this.#measure()
  }

  /** Ends early with the watch: a timer keeps no process alive, and a close waits for this. */
  #pause(): Promise<void> {
    if (this.#isClosed) return Promise.resolve()
    return new Promise((resolve) => {
      const timer = this.#options.clock.after(TAKE_PAUSE_MS, resolve)
      this.#endPause = () => {
        timer.cancel()
        resolve()
      }
    })
  }

  async #measure(): Promise<void> {
    const { disk, data } = this.#options
    this.#tell(await disk.space(data))
  }

  #tell(space: Partial<Pick<SpaceFacts, 'freeBytes' | 'totalBytes'>>): void {
    const { bytes: reserveBytes } = this.#reserve
    const facts = { ...this.#facts, ...space, reserveBytes }
    this.#facts = { ...facts, level: this.#levelOf(facts) }
    this.#options.onLook(this.#facts)
  }

  #levelOf({ level, freeBytes, totalBytes }: SpaceFacts): SpaceLevel {
    const { warnBytes, refuseBytes } = marksOf(this.#options.config, totalBytes)
    const isBelow = (markBytes: number, isAlready: boolean): boolean =>
      freeBytes < markBytes * (isAlready ? LEAVE : 1)
    if (this.#isOpened || isBelow(refuseBytes, level === 'scarce')) return 'scarce'
    return isBelow(warnBytes, level !== 'ample') ? 'low' : 'ample'
  }
}
