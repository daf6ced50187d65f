import type { PackReport } from '../ledger/index.ts'
import type { Clock, Timer } from '../platform/index.ts'
import { blockFacts } from './block-facts.ts'
import { RecorderError } from './error.ts'
import { type OpeningFacts, openLife } from './opening.ts'
import type { RecordClock } from './record-clock.ts'
import {
  promised,
  type RecordedLedger,
  type RecordWaiter,
  RecordWriter,
  type WriteDraft,
  type WriterOptions,
  type WriteWatcher,
  type Written,
} from './record-writer.ts'
import { type Moment, Silence } from './silence.ts'

/** How often what is owed to the ledger is tried again. */
export const RETRY_MS = 1_000

/** Whoever keeps a ledger open: tells of the instance there is, and of each later one. */
export interface RecordKeeper {
  onIncarnation(listener: (ledger: RecordedLedger) => void): void
}

export interface DiaryOptions extends WriterOptions {
  readonly keeper: RecordKeeper
  readonly clock: RecordClock
  readonly timers: Clock
  readonly opening: OpeningFacts
  /** An incarnation begins: what an earlier one left open is closed before it takes traffic. */
  readonly onIncarnation: () => void
  /** Told of what fails in the background; a ledger that cannot be written is no surprise. */
  readonly onFault: (fault: unknown) => void
}

/**
 * Writes records into whichever instance of the ledger there is, and the ledger's own story beside
 * them: beginnings, heartbeats, gaps, digests of finished files, and what could not be written at
 * its time.
 */
export class Diary {
  readonly #options: DiaryOptions
  readonly #silence: Silence
  readonly #debts = new Map<number, () => Promise<unknown>>()
  #writer: RecordWriter | undefined
  #opening: Promise<void> | undefined
  #settling: Promise<void> | undefined
  #isOpen = false
  #stopped = false
  #lastTicksMs = 0
  #timer: Timer | undefined

  readonly #watcher = this.#watcherOf(0)
  readonly #requestWatcher = this.#watcherOf(1)

  constructor(options: DiaryOptions) {
    this.#options = options
    this.#silence = new Silence(options.opening)
  }

  /** The incarnation that records go into now. */
  get incarnation(): number | undefined {
    return this.#writer?.ledger.incarnation
  }

  /** Resolves when the first records of the first incarnation are durable. */
  async start(): Promise<void> {
    this.#options.keeper.onIncarnation((ledger) => {
      if (!this.#stopped) this.#begin(ledger)
    })
    await this.#opening
  }

  /** Resolves when the record is durable. It is appended at once. */
  write(draft: WriteDraft): Promise<Written> {
    return new Promise((resolve, reject) => this.begin(draft, promised(resolve, reject)))
  }

  /** As `write`; throws what refuses the record at once. */
  begin(draft: WriteDraft, waiter: RecordWaiter): void {
    if (this.#stopped) throw new RecorderError('RECORDER_STOPPED', 'recorder has stopped')
    const requests = isRequest(draft) ? 1 : 0
    const writer = this.#openWriter(requests)
    const { clock } = this.#options
    let stamp = clock.next()
    if (this.#silence.isDue(stamp.ticksMs)) {
      this.#background(this.#silence.explain(writer, this.#now()))
      stamp = clock.next() // the record that explains it comes first
    }
    writer.begin(draft, waiter, requests === 1 ? this.#requestWatcher : this.#watcher, stamp)
  }

  #watcherOf(requests: 0 | 1): WriteWatcher {
    return {
      wrote: () => this.#wrote(),
      // What was acted on was not turned away: the gap of its window tells of it.
      failed: (error, isPromised) => this.#failed(error, isPromised ? 0 : requests),
    }
  }

  /** Tries `write` until it succeeds, or another incarnation makes it pointless. */
  owe(index: number, write: () => Promise<unknown>): void {
    this.#debts.set(index, write)
    this.#arm()
  }

  /** Settles debts and refuses whatever comes after. `isClean` says whether to write a stop. */
  async stop(cause: string, isClean: () => boolean): Promise<void> {
    if (this.#stopped) return
    await this.#attempt(this.#settle())
    this.#stopped = true
    this.#timer?.cancel()
    const writer = this.#isOpen ? this.#writer : undefined
    if (isClean()) await writer?.act('system', { act: 'stop', cause })
  }

  #begin(ledger: RecordedLedger): void {
    const writer = new RecordWriter(ledger, this.#options)
    this.#writer = writer
    this.#isOpen = false
    this.#debts.clear()
    this.#options.onIncarnation()
    ledger.onPacked((reports) => this.#reportBlocks(reports))
    this.#opening = this.#attempt(this.#open(writer))
  }

  async #open(writer: RecordWriter): Promise<void> {
    const { timers, opening } = this.#options
    const isCurrent = (): boolean => this.#writer === writer && !this.#stopped
    const explain = async (): Promise<void> => {
      this.#wrote()
      const now = this.#now()
      if (this.#silence.isTooLong(now.ticksMs)) await this.#silence.explain(writer, now)
    }
    const waiting = { clock: timers, retryMs: RETRY_MS, isCurrent, explain }
    if (!(await openLife(writer, opening, waiting))) return
    this.#isOpen = true
    this.#wrote()
    this.#arm()
  }

  #openWriter(requests: 0 | 1): RecordWriter {
    if (this.#writer !== undefined && this.#isOpen) return this.#writer
    if (requests > 0) this.#silence.missed({ requests })
    throw new RecorderError('RECORDER_UNAVAILABLE', 'ledger is opening')
  }

  #now(): Moment {
    const { timers } = this.#options
    return { atUs: timers.nowUs(), ticksMs: timers.ticksMs() }
  }

  #wrote(): void {
    const { durable } = this.#options.clock
    if (durable === undefined) return
    this.#silence.broken(durable)
    this.#lastTicksMs = durable.ticksMs
  }

  #failed(error: unknown, requests: 0 | 1): void {
    if (!(error instanceof RecorderError)) return
    if (error.code !== 'RECORDER_UNAVAILABLE' && error.code !== 'RECORDER_OVERLOADED') return
    this.#silence.missed({ requests })
    this.#arm()
  }

  /** One timer: soon while something is owed, else when the next heartbeat is due. */
  #arm(): void {
    this.#timer?.cancel()
    if (this.#stopped) return
    const { timers, opening } = this.#options
    const idleMs = timers.ticksMs() - this.#lastTicksMs
    const owed = this.#silence.owed || this.#debts.size > 0
    const delayMs = owed ? RETRY_MS : Math.max(1, opening.heartbeatMs - idleMs)
    this.#timer = timers.after(delayMs, () => this.#background(this.#tick()))
  }

  async #tick(): Promise<void> {
    try {
      await this.#settle()
      const idleMs = this.#options.timers.ticksMs() - this.#lastTicksMs
      if (this.#isOpen && idleMs >= this.#options.opening.heartbeatMs) await this.#beat()
    } finally {
      this.#arm()
    }
  }

  async #beat(): Promise<void> {
    const tree = this.#writer?.ledger.published
    const facts = tree && { size: tree.size, root: Buffer.from(tree.root).toString('hex') }
    const value = { act: 'heartbeat', ...facts }
    await this.write({ kind: 'system', sections: [{ name: 'what', value }] })
  }

  /** A rejection makes the ledger offer the reports again, which at worst tells of a file twice. */
  async #reportBlocks(reports: readonly PackReport[]): Promise<void> {
    for (const value of blockFacts(reports)) {
      await this.write({ kind: 'block', sections: [{ name: 'what', value }] })
    }
  }

  #settle(): Promise<void> {
    this.#settling ??= this.#payDebts().finally(() => {
      this.#settling = undefined
    })
    return this.#settling
  }

  /** Tells the ledger what it has not been told yet; what fails is owed still. */
  async #payDebts(): Promise<void> {
    const writer = this.#writer
    if (writer === undefined || !this.#isOpen || this.#stopped) return
    const now = this.#now()
    if (this.#silence.isDue(now.ticksMs)) await this.#silence.explain(writer, now)
    for (const [index, write] of this.#debts) {
      await write()
      this.#debts.delete(index)
    }
  }

  #background(work: Promise<unknown>): void {
    void this.#attempt(work)
  }

  async #attempt(work: Promise<unknown>): Promise<void> {
    try {
      await work
    } catch (fault) {
      this.#failed(fault, 0)
      if (!(fault instanceof RecorderError)) this.#options.onFault(fault)
    }
  }
}

function isRequest({ kind }: WriteDraft): boolean {
  return kind === 'intent' || kind === 'refusal'
}
