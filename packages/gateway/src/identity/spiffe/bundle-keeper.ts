import type { Clock, Timer } from '../../platform/index.ts'
import { IdentityError } from '../identity-error.ts'
import { parseTrustBundle, type TrustBundle } from './trust-bundle.ts'

export interface BundleKeeperOptions {
  readonly name: string
  /** Reads the bundle where it stands: a file, or a server. */
  readonly read: () => Promise<Uint8Array>
  readonly clock: Clock
  readonly refreshEveryMs: number
  readonly staleMs: number
  /** The authorities of X.509-SVIDs are others now. */
  readonly onChange: () => void
  readonly onFault: (cause: unknown) => void
}

/** A trust bundle, read again at intervals. The last good one is believed for a while. */
export class BundleKeeper {
  readonly #options: BundleKeeperOptions
  #bundle: TrustBundle | undefined
  #hadAtMs = 0
  #timer: Timer | undefined
  #isClosed = false

  constructor(options: BundleKeeperOptions) {
    this.#options = options
  }

  /** Undefined where none was ever had, or the last was had too long ago: nobody is believed. */
  current(): TrustBundle | undefined {
    const { clock, staleMs } = this.#options
    return clock.ticksMs() - this.#hadAtMs <= staleMs ? this.#bundle : undefined
  }

  get authorities(): readonly string[] {
    return this.current()?.authorities ?? []
  }

  /** Resolves after one reading, good or bad; others follow. */
  async start(): Promise<void> {
    await this.#refresh()
    this.#schedule()
  }

  close(): void {
    this.#isClosed = true
    this.#timer?.cancel()
  }

  #schedule(): void {
    if (this.#isClosed) return
    this.#timer = this.#options.clock.after(this.#options.refreshEveryMs, () => void this.start())
  }

  async #refresh(): Promise<void> {
    const { name, read, clock, onChange, onFault } = this.#options
    const before = JSON.stringify(this.#known)
    try {
      const bundle = parseTrustBundle(await read())
      if (bundle === undefined) {
        throw new IdentityError('IDENTITY_UNUSABLE', `spiffe ${name}: this is no trust bundle`)
      }
      this.#bundle = bundle
      this.#hadAtMs = clock.ticksMs()
    } catch (cause) {
      onFault(cause)
    }
    this.#known = this.authorities
    if (!this.#isClosed && JSON.stringify(this.#known) !== before) onChange()
  }

  /** What listeners were told last; one that is stale is taken from them. */
  #known: readonly string[] = []
}
