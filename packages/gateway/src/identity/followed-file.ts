import type { Clock, Timer } from '../platform/index.ts'

/** Where a file is read from, and who says that it has changed. */
export interface FileSource {
  read(): Promise<string>
  /** Calls back soon after a change; may miss one or call too often. Returns its end. */
  watch(changed: () => void): () => void
}

/** What became of a change. */
export type FileReport<T> =
  | { readonly kind: 'loaded'; readonly before: T; readonly after: T }
  | { readonly kind: 'refused'; readonly cause: unknown }

export interface FollowedFileOptions<T> {
  readonly source: FileSource
  readonly clock: Clock
  /** Reads the whole text or throws; nothing of a text that does not parse comes into force. */
  readonly parse: (text: string) => T
  readonly pollEveryMs?: number | undefined
  readonly onReport?: ((report: FileReport<T>) => void) | undefined
}

/** A watcher can miss a change on some file systems; what was revoked lives no longer than this. */
const POLL_EVERY_MS = 2000

/** What a file says, as it changes. What does not parse changes nothing, and is told once. */
export class FollowedFile<T> {
  #value: T
  /** Undefined while the file cannot be read, so that its return is noticed. */
  #text: string | undefined
  #reading: Promise<void> | undefined
  #again = false
  #closed = false
  #timer: Timer | undefined
  readonly #unwatch: () => void
  readonly #options: FollowedFileOptions<T>

  private constructor(text: string, options: FollowedFileOptions<T>) {
    this.#value = options.parse(text)
    this.#text = text
    this.#options = options
    this.#unwatch = options.source.watch(() => void this.reload())
    this.#poll()
  }

  /** Throws when the first reading does not parse: there is nothing to keep yet. */
  static async open<T>(options: FollowedFileOptions<T>): Promise<FollowedFile<T>> {
    return new FollowedFile(await options.source.read(), options)
  }

  /** The newest good value; hold it for one request, not longer. */
  get current(): T {
    return this.#value
  }

  /** Resolves when a reading that began after the call is in force. Never rejects: it reports. */
  async reload(): Promise<void> {
    this.#again = true
    this.#reading ??= this.#readUntilQuiet()
    await this.#reading
  }

  close(): void {
    this.#closed = true
    this.#timer?.cancel()
    this.#unwatch()
  }

  async #readUntilQuiet(): Promise<void> {
    while (this.#again && !this.#closed) {
      this.#again = false
      await this.#readOnce()
    }
    this.#reading = undefined
  }

  async #readOnce(): Promise<void> {
    let text: string
    try {
      text = await this.#options.source.read()
    } catch (cause) {
      if (this.#text !== undefined) this.#options.onReport?.({ kind: 'refused', cause })
      this.#text = undefined
      return
    }
    if (text === this.#text) return
    this.#text = text
    this.#options.onReport?.(this.#adopt(text))
  }

  #adopt(text: string): FileReport<T> {
    try {
      const before = this.#value
      this.#value = this.#options.parse(text)
      return { kind: 'loaded', before, after: this.#value }
    } catch (cause) {
      return { kind: 'refused', cause }
    }
  }

  #poll(): void {
    this.#timer = this.#options.clock.after(this.#options.pollEveryMs ?? POLL_EVERY_MS, () => {
      if (this.#closed) return
      void this.reload().then(() => this.#poll())
    })
  }
}
