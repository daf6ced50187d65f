import type { LeafIndex, TreeSize } from '@countersign/tlog'
import type { Clock, Timer } from '../platform/index.ts'
import type { LedgerState } from './commit-loop.ts'
import type { Entry } from './entry.ts'
import { LedgerError, type LedgerErrorCode } from './error.ts'
import type { LedgerLag } from './lag.ts'
import { Ledger } from './ledger.ts'
import type { LedgerOptions } from './ledger-options.ts'
import type { PublishedListener } from './published-watch.ts'
import type { Published } from './publisher.ts'

const NO_LAG: LedgerLag = { unacknowledgedMs: 0, unintegratedMs: 0, unpublishedMs: 0 }

export type KeeperState = LedgerState | 'opening' | 'refused'

export type IncarnationListener = (ledger: Ledger) => void
/** Told why an instance died, and why the next one cannot be opened yet, or ever. */
export type TroubleListener = (reason: Error, state: KeeperState) => void

const BACKOFF_MS_MIN = 100
const BACKOFF_MS_MAX = 10_000

/** Trying again would meet the same, or take the lock from whoever holds it now. */
const FINAL: ReadonlySet<LedgerErrorCode> = new Set([
  'LEDGER_ROLLED_BACK',
  'LEDGER_FORKED',
  'LEDGER_DAMAGED',
  'LEDGER_FENCED',
  'LEDGER_KEYS',
])

/** Keeps a ledger open: when an instance dies it opens the next, each a new incarnation. */
export class LedgerKeeper {
  readonly #options: LedgerOptions
  readonly #clock: Clock
  readonly #onIncarnation: IncarnationListener[] = []
  readonly #onPublished: PublishedListener[] = []
  readonly #onTrouble: TroubleListener[] = []
  #ledger: Ledger | undefined
  #state: 'opening' | 'refused' | 'closed' | 'open' = 'opening'
  #published: Published | undefined
  #retry: Timer | undefined
  #opening: Promise<void> | undefined
  #openingFromMs: number | undefined
  #backoffMs = BACKOFF_MS_MIN

  private constructor(options: LedgerOptions) {
    this.#options = options
    this.#clock = options.clock
  }

  /** Opens the first instance, and throws what it refuses: the process should not start then. */
  static async start(options: LedgerOptions): Promise<LedgerKeeper> {
    const keeper = new LedgerKeeper(options)
    keeper.#adopt(await Ledger.open(options))
    return keeper
  }

  get state(): KeeperState {
    return this.#state === 'open' ? (this.#ledger?.state ?? 'opening') : this.#state
  }

  /** The newest checkpoint that anybody may see, whichever instance published it. */
  get published(): Published | undefined {
    return this.#ledger?.published ?? this.#published
  }

  /** Entries that are durable, as far as an instance is there to know; never below `published`. */
  get size(): number {
    return this.#ledger?.size ?? this.published?.size ?? 0
  }

  /** How long what is under way waits; all 0 while no instance is there to know. */
  get lag(): LedgerLag {
    return this.#ledger?.lag.facts ?? NO_LAG
  }

  /** For how long whatever the next entry waits for has made no progress; 0: nothing is late. */
  get stalledMs(): number {
    const fromMs = this.#openingFromMs
    if (this.#ledger !== undefined) return this.lag.unacknowledgedMs
    return fromMs === undefined ? 0 : this.#clock.ticksMs() - fromMs
  }

  /** As `Ledger.append`; LEDGER_UNAVAILABLE while there is no instance. */
  append(entry: Entry): Promise<LeafIndex> {
    return this.#ledger?.append(entry) ?? Promise.reject(this.#unavailable())
  }

  waitPublished(size: TreeSize): Promise<Published> {
    return this.#ledger?.waitPublished(size) ?? Promise.reject(this.#unavailable())
  }

  /**
   * Tells of the open instance at once, and of each later one before anybody else can append to
   * it: what the listener appends before it returns comes first.
   */
  onIncarnation(listener: IncarnationListener): void {
    this.#onIncarnation.push(listener)
    if (this.#ledger !== undefined) listener(this.#ledger)
  }

  onPublished(listener: PublishedListener): void {
    this.#onPublished.push(listener)
  }

  onTrouble(listener: TroubleListener): void {
    this.#onTrouble.push(listener)
  }

  async close(): Promise<void> {
    const ledger = this.#ledger
    this.#state = 'closed'
    this.#retry?.cancel()
    await this.#opening
    await ledger?.close()
    if (this.#ledger !== ledger) await this.#ledger?.close()
  }

  #adopt(ledger: Ledger): void {
    this.#state = 'open'
    ledger.onPublished((published) => {
      // Opening is no proof of health, nor is publishing what was recovered.
      if (published.size > ledger.recovery.size) this.#backoffMs = BACKOFF_MS_MIN
      this.#published = published
      for (const listener of this.#onPublished) listener(published)
    })
    for (const listener of this.#onIncarnation) listener(ledger)
    this.#ledger = ledger
    void ledger.died.then((reason) => this.#mourn(ledger, reason))
  }

  #mourn(ledger: Ledger, reason: LedgerError): void {
    this.#published = ledger.published
    this.#ledger = undefined
    if (this.#state === 'closed') return
    this.#retryAfter(reason)
  }

  #retryAfter(reason: Error): void {
    const isFinal = reason instanceof LedgerError && FINAL.has(reason.code)
    this.#state = isFinal ? 'refused' : 'opening'
    for (const listener of this.#onTrouble) listener(reason, this.#state)
    if (isFinal) return
    this.#retry = this.#clock.after(this.#backoffMs, () => {
      this.#opening = this.#reopen()
    })
    this.#backoffMs = Math.min(BACKOFF_MS_MAX, this.#backoffMs * 2)
  }

  async #reopen(): Promise<void> {
    this.#openingFromMs = this.#clock.ticksMs()
    try {
      const ledger = await Ledger.open(this.#options)
      if (this.#state === 'closed') await ledger.close()
      else this.#adopt(ledger)
    } catch (cause) {
      if (this.#state !== 'closed') this.#retryAfter(asError(cause))
    } finally {
      this.#openingFromMs = undefined
    }
  }

  #unavailable(): LedgerError {
    return new LedgerError('LEDGER_UNAVAILABLE', `ledger is ${this.state}: nothing was written`)
  }
}

function asError(cause: unknown): Error {
  return cause instanceof Error ? cause : new Error(String(cause))
}
