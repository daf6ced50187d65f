import {
  type Disk,
  type DiskFile,
  diskErrorCode,
  LockCell,
  MemoryClaims,
  type MemoryLock,
  memoryLock,
  type SeededRandom,
  SimulatedClock,
  SimulatedDisk,
  settled,
} from '../../packages/gateway/src/platform/index.ts'

/** Steps without an end are a failure, not a hang: a loop that never waits for time. */
const STEPS_MAX = 200_000

/** One computer: a disk, a clock, and whatever runs on it. The lock survives it. */
export class Machine {
  readonly random: SeededRandom
  readonly cell = new LockCell()
  claims = new MemoryClaims()
  clock: SimulatedClock
  disk: SimulatedDisk
  lock: MemoryLock
  steps = 0
  /** Called before each step; the simulation ends the machine's life from here. */
  beforeStep: () => void = () => undefined
  readonly #longestMs: number

  constructor(random: SeededRandom, longestMs: number) {
    this.random = random
    this.#longestMs = longestMs
    this.clock = new SimulatedClock()
    this.disk = new SimulatedDisk({ random: random.fork(), latency: this.latency })
    this.lock = this.newLock()
  }

  get latency() {
    return { clock: this.clock, longestMs: this.#longestMs }
  }

  newLock(): MemoryLock {
    return memoryLock({ cell: this.cell, latency: this.latency, random: this.random })
  }

  /** Runs the next thing that happens. False: nothing ever will. */
  async step(): Promise<boolean> {
    if (++this.steps > STEPS_MAX) throw new Error(`no end after ${STEPS_MAX} steps`)
    this.beforeStep()
    const happened = this.clock.runNext()
    await settled()
    return happened
  }

  /** Runs for so many virtual milliseconds, or until `isDone`. */
  async run(forMs: number, isDone: () => boolean = () => false): Promise<void> {
    const { clock } = this
    const untilMs = clock.ticksMs() + forMs
    await settled()
    while (!isDone() && clock === this.clock) {
      const nextMs = clock.untilNextMs()
      if (nextMs === undefined || clock.ticksMs() + nextMs > untilMs) {
        await clock.advance(untilMs - clock.ticksMs())
        return
      }
      await this.step()
    }
  }

  /** Everything that ran is gone, in the middle of whatever it did. */
  crash(power: 'kept' | 'lost'): void {
    this.lock.goDown()
    const downUs = 1_000 + this.random.below(60_000_000)
    this.clock = new SimulatedClock({ startUs: this.clock.nowUs() + downUs })
    this.disk = this.disk.crash({ power, random: this.random.fork(), latency: this.latency })
    this.lock = this.newLock()
    this.claims = new MemoryClaims()
  }
}

/** What a watched disk tells: an operation ended, well or not. */
export interface Watch {
  failed(path: string, operation: string): void
  /** Writes under way: one begins, one ends. */
  writing(path: string, change: 1 | -1): void
}

/** A disk that somebody looks at: every failure but a full disk and a missing file is told. */
export function watchedDisk(disk: Disk, watch: Watch): Disk {
  const tell = async <Result>(
    what: string,
    path: string,
    run: Promise<Result>,
  ): Promise<Result> => {
    try {
      return await run
    } catch (error) {
      if (diskErrorCode(error) === 'DISK_IO') watch.failed(path, what)
      throw error
    }
  }
  return {
    open: async (path, mode) => watchedFile(await tell('open', path, disk.open(path, mode)), path),
    read: (path, bytesMax) => tell('read', path, disk.read(path, bytesMax)),
    list: (path) => tell('list', path, disk.list(path)),
    stat: (path) => tell('stat', path, disk.stat(path)),
    rename: (from, to) => tell('rename', from, disk.rename(from, to)),
    remove: (path) => tell('remove', path, disk.remove(path)),
    makeDirectory: (path) => tell('make-directory', path, disk.makeDirectory(path)),
    removeDirectory: (path) => tell('remove', path, disk.removeDirectory(path)),
    syncDirectory: (path) => tell('sync-directory', path, disk.syncDirectory(path)),
    space: (path) => tell('stat', path, disk.space(path)),
  }

  function watchedFile(file: DiskFile, path: string): DiskFile {
    return {
      read: (offset, length) => tell('read', path, file.read(offset, length)),
      async write(offset, bytes) {
        watch.writing(path, 1)
        try {
          await tell('write', path, file.write(offset, bytes))
        } finally {
          watch.writing(path, -1)
        }
      },
      sync: () => tell('sync', path, file.sync()),
      truncate: (bytes) => tell('truncate', path, file.truncate(bytes)),
      size: () => tell('stat', path, file.size()),
      close: () => tell('close', path, file.close()),
    }
  }
}
