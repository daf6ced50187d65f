import type { Clock, Timer } from '../platform/index.ts'
import { type KeyRing, parseKeysFile } from './keys-file.ts'

/** Where the keys file is read from, and who says that it has changed. */
export interface KeysSource {
  read(): Promise<string>
  /** Calls back soon after a change; may miss one or call too often. Returns its end. */
  watch(changed: () => void): () => void
}

/** What a change of the file did. Prefixes name keys; they are no secret. */
export type KeysReport =
  | {
      readonly kind: 'loaded'
      readonly added: readonly string[]
      readonly removed: readonly string[]
    }
  | { readonly kind: 'refused'; readonly cause: unknown }

export interface KeyStoreOptions {
  readonly source: KeysSource
  readonly clock: Clock
  readonly pollEveryMs?: number
  readonly onReport?: (report: KeysReport) => void
}

/** A watcher can miss a change on some file systems; a revoked key lives no longer than this. */
const KEYS_POLL_EVERY_MS = 2000

/** The keys in force. A file that does not parse changes nothing, and is reported once. */
export class KeyStore {
  #ring: KeyRing
  /** Undefined while the file cannot be read, so that its return is noticed. */
  #text: string | undefined
  #reading: Promise<void> | undefined
  #again = false
  #closed = false
  #timer: Timer | undefined
  readonly #unwatch: () => void
  readonly #options: KeyStoreOptions

  private constructor(text: string, options: KeyStoreOptions) {
    this.#ring = parseKeysFile(text)
    this.#text = text
    this.#options = options
    this.#unwatch = options.source.watch(() => void this.reload())
    this.#poll()
  }

  /** Throws IdentityError when the first reading does not parse: there is nothing to keep yet. */
  static async open(options: KeyStoreOptions): Promise<KeyStore> {
    return new KeyStore(await options.source.read(), options)
  }

  /** The newest good set; hold it for one request, not longer. */
  get current(): KeyRing {
    return this.#ring
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

  #adopt(text: string): KeysReport {
    try {
      const before = this.#ring
      this.#ring = parseKeysFile(text)
      const added = [...this.#ring.keys()].filter((prefix) => !before.has(prefix))
      const removed = [...before.keys()].filter((prefix) => !this.#ring.has(prefix))
      return { kind: 'loaded', added, removed }
    } catch (cause) {
      return { kind: 'refused', cause }
    }
  }

  #poll(): void {
    this.#timer = this.#options.clock.after(this.#options.pollEveryMs ?? KEYS_POLL_EVERY_MS, () => {
      if (this.#closed) return
      void this.reload().then(() => this.#poll())
    })
  }
}
