// The life of an entry, and what a crash leaves after each step. crash.test.ts cuts the power at
// every disk operation of all of them; the tests named here look at one.
//
//   queued      nothing: its caller was told nothing
//   written     a torn tail, or an entry nobody was told of   wal-recovery: "is a torn tail"
//   flushed     an entry that recovery integrates             ledger: "survives a power cut"
//   integrated  files that no checkpoint covers, and that     integration: "nothing that a second
//               are made again with the same bytes            try does not mend"
//   read again  the same                                      integration: "on its way is seen"
//   signed      a note that nobody saw                        publish: "a signer refuses"
//   locked      a lock ahead of `checkpoint`, which the       start-up: "kept from being seen",
//               next start makes seen                         "a swap that failed but took place"
//   shown       partials that are not needed any more         integration: "leftover partials"
//   dropped     segments that are packed once more            publish: "a segment is dropped"

import type { LeafIndex, TreeSize } from '@countersign/tlog'
import { diskErrorCode, type Timer } from '../platform/index.ts'
import { Backlog } from './backlog.ts'
import type { EntryWaiter } from './batch.ts'
import type { ClosedSegments } from './closed-segments.ts'
import { CommitLoop, type LedgerState } from './commit-loop.ts'
import type { Entry } from './entry.ts'
import type { LedgerError } from './error.ts'
import { HandOver } from './hand-over.ts'
import type { Settled } from './integration.ts'
import { Lag } from './lag.ts'
import { asLedgerError, unavailable } from './ledger-faults.ts'
import type { LedgerOptions } from './ledger-options.ts'
import { type Instance, openInstance, type Recovery } from './open-instance.ts'
import { OpenIntents } from './open-intents.ts'
import type { PackReport } from './packer.ts'
import { type PublishedListener, PublishedWatch } from './published-watch.ts'
import type { Published, Publisher } from './publisher.ts'
import type { WalWriter } from './wal-writer.ts'

export type PackedListener = (reports: readonly PackReport[]) => Promise<void> | void

/**
 * One instance of the ledger: one incarnation, from a recovery to its death or its close. Any
 * failed write or flush ends it; a full disk does not.
 */
export class Ledger {
  readonly incarnation: number
  readonly recovery: Recovery
  readonly lag: Lag
  /** Resolves with the reason when the instance has died and touches nothing any more. */
  readonly died: Promise<LedgerError>
  readonly #options: LedgerOptions
  readonly #handOver: HandOver
  readonly #publisher: Publisher
  readonly #wal: WalWriter
  readonly #segments: ClosedSegments
  readonly #commits: CommitLoop
  readonly #instance: Instance
  readonly #watch = new PublishedWatch()
  readonly #backlog: Backlog
  readonly #announceDeath: (reason: LedgerError) => void
  #publishing: Promise<void> | undefined
  #settling: Promise<Settled> | undefined
  /** The last early settle met a full disk: the publications try again, one a turn. */
  #isStuck = false
  #closing: Promise<void> | undefined
  #timer: Timer | undefined

  private constructor(options: LedgerOptions, instance: Instance) {
    const { promise, resolve } = Promise.withResolvers<LedgerError>()
    this.died = promise
    this.#announceDeath = resolve
    this.#options = options
    this.#instance = instance
    this.#handOver = new HandOver({ integration: instance.integration, clock: options.clock })
    this.#publisher = instance.publisher
    this.#wal = instance.wal
    this.#segments = instance.segments
    this.lag = new Lag(options.clock)
    this.#backlog = new Backlog(instance.published.size, options.backlogEntriesMax)
    this.#commits = new CommitLoop({
      options,
      wal: instance.wal,
      segments: instance.segments,
      intents: new OpenIntents(instance.recovery.interrupted),
      lag: this.lag,
      backlog: this.#backlog,
      settle: () => this.#settle(),
      acknowledged: (first, count, plain) => this.#acknowledged(first, count, plain),
      onFault: (cause) => this.#die(cause),
    })
    this.incarnation = instance.incarnation
    this.recovery = instance.recovery
    // What an earlier life left behind is published at once: a life that ends before its first
    // checkpoint would leave it to the next one, which would have to copy it again.
    const isBehind = this.#segments.isAny || this.size > this.published.size
    this.#schedule(isBehind ? 0 : options.publishEveryMs)
  }

  /**
   * Checks lock and files, recovers, and begins a new incarnation. Throws LEDGER_OWNED,
   * LEDGER_ROLLED_BACK, LEDGER_FORKED, LEDGER_KEYS, LEDGER_DAMAGED or LEDGER_FENCED where a person
   * must choose, and what the disk threw where trying again may help.
   */
  static async open(options: LedgerOptions): Promise<Ledger> {
    return new Ledger(options, await openInstance(options))
  }

  get state(): LedgerState {
    return this.#commits.state
  }

  /** One more than the newest durable entry. */
  get size(): TreeSize {
    return this.#wal.end
  }

  get published(): Published {
    return this.#publisher.published ?? this.#instance.published
  }

  /** Resolves with the entry's index when it is on the disk. The bytes are copied at once. */
  append(entry: Entry): Promise<LeafIndex> {
    return new Promise((durable, refused) => {
      this.appendFor(entry, { durable, refused })
    })
  }

  /**
   * As `append`, where promises cost. Throws what refuses the entry at once. Of a relaxed entry it
   * returns the index, where that is certain: nothing but the end of the instance, or of the
   * process, keeps it from the disk then.
   */
  appendFor(entry: Entry, waiter: EntryWaiter): LeafIndex | undefined {
    return this.#commits.append(entry, waiter)
  }

  onPublished(listener: PublishedListener): void {
    this.#watch.on(listener)
  }

  /** A segment is kept until the reports of its blocks were taken: until the promise resolves. */
  onPacked(listener: PackedListener): void {
    this.#segments.onPacked(listener)
  }

  /** Resolves when a checkpoint covers `size` entries. */
  waitPublished(size: TreeSize): Promise<Published> {
    if (this.published.size >= size) return Promise.resolve(this.published)
    const { state } = this
    if (state === 'dead' || state === 'closed') return Promise.reject(unavailable(state))
    return this.#watch.wait(size)
  }

  /** Writes what waits, publishes it, gives everything back; after a death waits for that. */
  close(): Promise<void> {
    this.#closing ??= this.state === 'dead' ? this.died.then(() => undefined) : this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    this.#timer?.cancel()
    await this.#commits.close()
    // A settle that is under way may have begun before the last batch.
    await Promise.allSettled([this.#publishing, this.#settling, this.#commits.ended()])
    await this.#publish()
    this.#watch.end(unavailable('closed'))
    // For the space alone. Zeros that stay mean nothing: a crash leaves the same, and the next
    // start reads over them. Whatever is wrong with the disk, that start meets and tells.
    if (this.state !== 'dead') await this.#wal.trim().catch(() => undefined)
    await this.#giveBack()
  }

  #schedule(delayMs: number): void {
    this.#timer = this.#options.clock.after(delayMs, () => {
      if (this.#commits.isOver) return
      this.#commits.rotateIfDue()
      this.#publishing = this.#publish(delayMs === 0).finally(() => {
        this.#publishing = undefined
        if (!this.#commits.isOver) this.#schedule(this.#options.publishEveryMs)
      })
    })
  }

  /** A full disk here is met again at the next turn: the write-ahead log holds what is missing. */
  async #publish(isAtOnce = false): Promise<void> {
    try {
      const { settled } = this.#backlog
      if (this.#wal.end > settled || this.published.size < settled) {
        await this.#settleAndPublish()
      }
      // At once after a recovery nobody may have had time to listen: then it is the next turn's.
      if (!isAtOnce || this.#segments.isHeard) await this.#segments.drop(this.published.size)
    } catch (cause) {
      if (diskErrorCode(cause) !== 'DISK_FULL') this.#die(cause)
    }
  }

  #acknowledged(first: LeafIndex, count: number, plain: Uint8Array<ArrayBuffer>): boolean {
    this.#backlog.add(plain.length)
    const isGivenAway = this.#handOver.add(first, count, plain)
    if (this.#backlog.isWorthSettling(this.#wal.end)) this.#settleEarly()
    return isGivenAway
  }

  #settle(): Promise<Settled> {
    this.#settling ??= this.#settleAll().finally(() => {
      this.#settling = undefined
    })
    return this.#settling
  }

  /** Nobody waits for it; a full disk is met again by the publication. */
  #settleEarly(): void {
    if (this.#settling !== undefined || this.#isStuck) return
    this.#settle().catch((cause: unknown) => {
      this.#isStuck = diskErrorCode(cause) === 'DISK_FULL'
      if (!this.#isStuck) this.#die(cause)
    })
  }

  /** A crash here leaves files beyond the lock's size: the next start makes them again. */
  async #settleAll(): Promise<Settled> {
    const { addedBytes } = this.#backlog
    const beganMs = this.lag.nowMs()
    const settled = await this.#handOver.settle()
    this.#backlog.settle(settled.size, addedBytes)
    this.lag.passed('unintegratedMs', beganMs, settled.size >= this.#wal.end)
    this.#isStuck = false
    this.#segments.report(settled.reports)
    return settled
  }

  async #settleAndPublish(): Promise<void> {
    const beganMs = this.lag.nowMs()
    const { size, root } = await this.#settle()
    const published = await this.#publisher.publish(size, root)
    this.lag.passed('unpublishedMs', beganMs, published.size >= this.#wal.end)
    this.#watch.tell(published)
    await this.#handOver.collect(published.size)
  }

  /** Nothing is acknowledged any more; the reason is told when all that was under way has ended. */
  #die(cause: unknown): void {
    if (this.state === 'dead') return
    this.#timer?.cancel()
    const reason = asLedgerError(cause)
    this.#commits.die(cause)
    this.#watch.end(unavailable('dead', cause))
    void this.#quiesce().then(() => this.#announceDeath(reason))
  }

  async #quiesce(): Promise<void> {
    await Promise.resolve()
    await Promise.allSettled([this.#commits.ended(), this.#publishing, this.#settling])
    await this.#giveBack()
  }

  /** Whatever fails here, the instance is over and nothing depends on it. */
  async #giveBack(): Promise<void> {
    await Promise.allSettled([this.#handOver.close(), this.#wal.close()])
    await this.#instance.ownership.release()
  }
}
