import { type FSWatcher, watch } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Clock, Timer } from '../platform/index.ts'

/** A watcher can miss a change on some file systems; a change waits no longer than this. */
const POLL_EVERY_MS = 2000
/** Files that are written one after the other are one change: this long nothing must change. */
const QUIET_MS = 150

export interface WatchedFiles {
  readonly files: readonly string[]
  /** Every file in it counts. */
  readonly directories: readonly string[]
}

export interface FileWatchOptions {
  readonly clock: Clock
  /** Asked anew each time: another configuration may name other files. */
  readonly watched: () => WatchedFiles
  /** Resolves with false where the change is to be offered again. */
  readonly onChange: () => Promise<boolean>
  /** Told of what goes wrong all the same; it is looked again. */
  readonly onFault: (fault: unknown) => void
}

/** Notices that files have changed, by being told and by looking. */
export class FileWatch {
  readonly #options: FileWatchOptions
  /** Nothing yet: what changed before the first look is found by it. */
  #seen = ''
  #timer: Timer | undefined
  #watchers: readonly FSWatcher[] = []
  #places = ''
  #isClosed = false
  #looking: Promise<void> | undefined

  constructor(options: FileWatchOptions) {
    this.#options = options
    this.#watch()
    this.#look(POLL_EVERY_MS)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#timer?.cancel()
    for (const watcher of this.#watchers) watcher.close()
    await this.#looking
  }

  #look(afterMs: number): void {
    if (this.#isClosed) return
    this.#timer?.cancel()
    this.#timer = this.#options.clock.after(afterMs, () => {
      this.#looking ??= this.#compare()
        .catch(this.#options.onFault)
        .finally(() => {
          this.#looking = undefined
          this.#watch()
          this.#look(POLL_EVERY_MS)
        })
    })
  }

  async #compare(): Promise<void> {
    const stamp = await stampOf(this.#options.watched())
    if (stamp === this.#seen || this.#isClosed) return
    // Half of what is being written is no configuration: wait until it is quiet.
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#options.clock.after(QUIET_MS, resolve)
    await promise
    if ((await stampOf(this.#options.watched())) !== stamp || this.#isClosed) return
    if (!(await this.#options.onChange())) return
    // Another configuration may have named other files: those are compared once more.
    this.#seen = placesOf(this.#options.watched()) === this.#places ? stamp : ''
  }

  #watch(): void {
    const watched = this.#options.watched()
    const places = placesOf(watched)
    if (places === this.#places || this.#isClosed) return
    this.#places = places
    for (const watcher of this.#watchers) watcher.close()
    const directories = new Set([
      ...watched.files.map((file) => dirname(file)),
      ...watched.directories,
    ])
    this.#watchers = [...directories].flatMap((directory) => this.#watchOne(directory))
  }

  /** Watching is a courtesy, looking is not: a watch that breaks is let go. */
  #watchOne(directory: string): readonly FSWatcher[] {
    try {
      const watcher = watch(directory, { persistent: false }, () => this.#look(QUIET_MS))
      watcher.on('error', () => watcher.close())
      return [watcher]
    } catch {
      return [] // It is looked at all the same.
    }
  }
}

function placesOf({ files, directories }: WatchedFiles): string {
  return JSON.stringify([files, directories])
}

/** Equal while nothing has changed: sizes and times, which cost no reading. */
async function stampOf({ files, directories }: WatchedFiles): Promise<string> {
  const inside = await Promise.all(directories.map(namesIn))
  const stamps = [...files, ...inside.flat()].map(
    async (file) => `${file} ${await stampOfFile(file)}`,
  )
  return (await Promise.all(stamps)).join('\n')
}

async function namesIn(directory: string): Promise<readonly string[]> {
  try {
    return (await readdir(directory)).toSorted().map((name) => join(directory, name))
  } catch {
    return [] // Its absence is found out, and told, when it is read.
  }
}

async function stampOfFile(file: string): Promise<string> {
  try {
    const { ino, size, mtimeMs, ctimeMs } = await stat(file)
    return `${ino} ${size} ${mtimeMs} ${ctimeMs}`
  } catch {
    return 'missing'
  }
}
