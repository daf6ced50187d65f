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
import { type Batch, type EntryWaiter, FRAME_BYTES_MAX, isNeeded } from './batch.ts'
import type { ClosedSegments } from './closed-segments.ts'
import { type Entry, entryBytes } from './entry.ts'
import { LedgerError } from './error.ts'
import { HandOver } from './hand-over.ts'
import { Intake } from './intake.ts'
import type { Settled } from './integration.ts'
import { Lag } from './lag.ts'
import { asLedgerError, backlog, full, unavailable } from './ledger-faults.ts'
import type { LedgerOptions } from './ledger-options.ts'
import { type Instance, openInstance, type Recovery } from './open-instance.ts'
import { OpenIntents } from './open-intents.ts'
import type { PackReport } from './packer.ts'
import { type PublishedListener, PublishedWatch } from './published-watch.ts'
import type { Published, Publisher } from './publisher.ts'
import type { WalWriter } from './wal-writer.ts'

export type LedgerState = 'open' | 'full' | 'dead' | 'closed'

export type PackedListener = (reports: readonly PackReport[]) => Promise<void> | void

/** How often a full disk is asked again. */
const PROBE_EVERY_MS = 1_000

/** How long what nobody waits for waits for others. */
const LINGER_MS = 10

/** Turns of the event loop that a batch waits for at most, while each brings more. */
const TURNS_MAX = 2

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
  readonly #intents: OpenIntents
  readonly #intake: Intake
  readonly #instance: Instance
  readonly #watch = new PublishedWatch()
  readonly #backlog: Backlog
  readonly #announceDeath: (reason: LedgerError) => void
  #state: LedgerState = 'open'
  #draining: Promise<void> | undefined
  #publishing: Promise<void> | undefined
  #settling: Promise<Settled> | undefined
  /** The last allocation that no batch waits for; it never fails. */
  #growing: Promise<void> | undefined
  /** The last early settle met a full disk: the publications try again, one a turn. */
  #isStuck = false
  #closing: Promise<void> | undefined
  #timer: Timer | undefined
  #probe: Timer | undefined
  #linger: Timer | undefined
  /** The batch that was taken out of the queue, and whether it is written if anything is. */
  #inHand: { readonly end: number; readonly frameBytes: number; isCertain: boolean } | undefined
  /** What a full disk had no room for. */
  #neededBytes = 0

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
    this.#intents = new OpenIntents(instance.recovery.interrupted)
    this.#intake = new Intake(this.#intents)
    this.lag = new Lag(options.clock)
    this.#backlog = new Backlog(instance.published.size, options.backlogEntriesMax)
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
    return this.#state
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
    this.#refuseUnlessOpen(entry)
    const index = entry.isRelaxed === true ? this.#placeOf(entry) : undefined
    if (index === undefined) {
      const isMoving = this.#inHand?.isCertain === false
      this.#intake.add(entry, waiter, isMoving ? 0 : this.#roomBytes)
    } else {
      this.#intake.addPromised(entry, waiter)
      if (entry.opens !== undefined) this.#intents.promise(index)
    }
    this.lag.waits('unacknowledgedMs')
    this.#begin()
    return index
  }

  /** Where the entry will stand, if there is room for it and all that is before it. */
  #placeOf(entry: Entry): LeafIndex | undefined {
    const inHand = this.#inHand
    const end = inHand?.end ?? this.#wal.end
    if (this.#state !== 'open' || inHand?.isCertain === false) return undefined
    if (this.#backlog.isTooLong(end as TreeSize)) return undefined
    if (entryBytes(entry) + FRAME_BYTES_MAX > this.#roomBytes) return undefined
    return (end + this.#intake.entries) as LeafIndex
  }

  /** What is allocated and not spoken for. */
  get #roomBytes(): number {
    return this.#wal.roomBytes - (this.#inHand?.frameBytes ?? 0) - this.#intake.frameBytes
  }

  /** Something waits that is to be written now: what nobody waits for waits a little for others. */
  get #isPressing(): boolean {
    const { isEmpty, isPatient, isLarge } = this.#intake
    return !isEmpty && (this.#state !== 'open' || !isPatient || isLarge)
  }

  #begin(): void {
    if (this.#draining !== undefined || this.#intake.isEmpty) return
    if (this.#isPressing) this.#lingered()
    else this.#linger ??= this.#options.clock.after(LINGER_MS, () => this.#lingered())
  }

  #lingered(): void {
    this.#linger?.cancel()
    this.#linger = undefined
    if (!this.#intake.isEmpty) this.#draining ??= this.#drain()
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
    if (this.#state === 'dead' || this.#state === 'closed') {
      return Promise.reject(unavailable(this.#state))
    }
    return this.#watch.wait(size)
  }

  /** Writes what waits, publishes it, gives everything back; after a death waits for that. */
  close(): Promise<void> {
    this.#closing ??= this.#state === 'dead' ? this.died.then(() => undefined) : this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    this.#state = 'closed'
    this.#timer?.cancel()
    this.#probe?.cancel()
    this.#lingered()
    while (this.#draining !== undefined) await this.#draining
    // A settle that is under way may have begun before the last batch.
    await Promise.allSettled([this.#publishing, this.#settling, this.#growing])
    await this.#publish()
    this.#watch.end(unavailable('closed'))
    // For the space alone. Zeros that stay mean nothing: a crash leaves the same, and the next
    // start reads over them. Whatever is wrong with the disk, that start meets and tells.
    if (this.state !== 'dead') await this.#wal.trim().catch(() => undefined)
    await this.#giveBack()
  }

  #refuseUnlessOpen(entry: Entry): void {
    if (this.#state === 'dead' || this.#state === 'closed') throw unavailable(this.#state)
    // What is needed is taken while allocated room lasts.
    if (this.#state === 'full' && !isNeeded(entry)) throw full()
  }

  /** Group commit: while one batch is flushed the next one fills. */
  async #drain(): Promise<void> {
    try {
      do {
        await this.#gather()
      } while (this.#state !== 'dead' && (await this.#next()) && this.#isPressing)
    } catch (cause) {
      this.#die(cause)
    } finally {
      this.#drained()
    }
  }

  /**
   * Whatever comes in this turn rides along, and in the next where this one brought more: a loop
   * that is busy makes few large batches. One that is not waits for nothing.
   */
  async #gather(): Promise<void> {
    for (let turns = 0; turns < TURNS_MAX && !this.#intake.isLarge; turns += 1) {
      const { entries } = this.#intake
      await this.#turnEnd()
      if (this.#intake.entries === entries) return
    }
  }

  #turnEnd(): Promise<void> {
    return new Promise((resolve) => this.#options.clock.atTurnEnd(resolve))
  }

  /** Something may have been appended since the queue was seen to be empty. */
  #drained(): void {
    this.#draining = undefined
    this.#begin()
  }

  /** False: there is nothing to do. */
  async #next(): Promise<boolean> {
    const takenMs = this.lag.nowMs()
    const batch = this.#intake.take()
    if (batch === undefined) {
      if (this.#state === 'full' || !this.#wal.isDue(0, 0)) return false
      // Closing on a full disk, a segment stays due for ever: asked once is enough.
      return this.#makeRoom(0, 0)
    }
    this.#inHand = {
      end: this.#wal.end + batch.count,
      frameBytes: batch.byteLength + FRAME_BYTES_MAX,
      isCertain: false,
    }
    try {
      const refusal = await this.#refusalOf(batch)
      if (refusal === undefined) {
        this.#inHand.isCertain = true
        await this.#commit(batch)
      } else {
        batch.refuse(refusal, this.#intents)
        this.#intake.refuseAll(refusal)
      }
    } finally {
      this.#inHand = undefined
      this.lag.passed('unacknowledgedMs', takenMs, this.#intake.isEmpty)
    }
    return true
  }

  /** Why the batch cannot be written now; undefined when there is room for it. */
  async #refusalOf(batch: Batch): Promise<LedgerError | undefined> {
    try {
      const isCaughtUp = !this.#backlog.isTooLong(this.#wal.end) || (await this.#catchUp())
      if (!isCaughtUp && !batch.isCertain) return backlog()
      if (await this.#makeRoom(batch.count, batch.byteLength)) return undefined
      const isTaken = batch.isNeeded || batch.isCertain
      if (isTaken && this.#wal.hasRoom(batch.byteLength)) return undefined
      if (batch.isCertain) throw new LedgerError('LEDGER_DEAD', 'what was promised has no room')
      return full()
    } catch (cause) {
      batch.refuse(unavailable('dead', cause), this.#intents)
      throw cause
    }
  }

  /** False: the disk of the integration is full. Any other failure is told by the publication. */
  async #catchUp(): Promise<boolean> {
    try {
      // One settle may be under way that does not reach far enough.
      for (let time = 0; time < 2; time += 1) {
        if (this.#backlog.isTooLong(this.#wal.end)) await this.#settle()
      }
      return true
    } catch (cause) {
      if (diskErrorCode(cause) !== 'DISK_FULL') throw cause
      return false
    }
  }

  /**
   * Rotates where it is time, and allocates for the batch and what follows. False: the disk is
   * full, which is met before anything is written; what is left of the step takes closing entries.
   */
  async #makeRoom(count: number, bytes: number): Promise<boolean> {
    const { preallocateBytes } = this.#options.limits
    try {
      if (this.#wal.isDue(count, bytes)) {
        // What was promised its place has it in the next segment too.
        const roomBytes = bytes + FRAME_BYTES_MAX + this.#intake.certainBytes
        this.#segments.add(await this.#wal.rotate(this.#intents.list(), roomBytes))
      }
      // Half a step stays; the other half is for the time that the next one takes to be written.
      const isFull = this.#state === 'full'
      await this.#wal.makeRoom(bytes + (isFull ? preallocateBytes : preallocateBytes / 2))
      if (this.#state === 'full') this.#state = 'open'
      this.#neededBytes = 0
      this.#growAhead(bytes)
      return true
    } catch (cause) {
      if (diskErrorCode(cause) !== 'DISK_FULL') throw cause
      this.#becomeFull(bytes)
      return false
    }
  }

  /** Keeps a step ahead of the batch, while it is written: none should wait for zeros. */
  #growAhead(bytes: number): void {
    if (this.#growing !== undefined) return
    const growing = this.#wal.growAhead(bytes + this.#options.limits.preallocateBytes)
    this.#growing = growing
      ?.catch((cause: unknown) => {
        if (diskErrorCode(cause) === 'DISK_FULL') this.#becomeFull(bytes)
        else this.#die(cause)
      })
      .finally(() => {
        this.#growing = undefined
      })
  }

  #becomeFull(neededBytes: number): void {
    if (this.#state !== 'open' && this.#state !== 'full') return
    this.#state = 'full'
    this.#neededBytes = Math.max(this.#neededBytes, neededBytes)
    this.#probe?.cancel()
    this.#probe = this.#options.clock.after(PROBE_EVERY_MS, () => {
      if (this.#state === 'full') this.#draining ??= this.#askAgain()
    })
  }

  async #askAgain(): Promise<void> {
    try {
      await this.#makeRoom(0, this.#neededBytes)
    } catch (cause) {
      this.#die(cause)
    } finally {
      this.#drained()
    }
  }

  /** A crash before the flush ends leaves a torn tail or an entry that nobody was told of. */
  async #commit(batch: Batch): Promise<void> {
    const plain = batch.plain()
    try {
      const beganMs = this.lag.nowMs()
      const first = await this.#wal.append(batch.count, plain)
      this.#options.onFlush?.(this.lag.nowMs() - beganMs)
      // A crash from here on leaves entries that recovery integrates: they are durable.
      if (this.#state === 'dead') throw unavailable('dead')
      batch.acknowledge(first, this.#intents)
      this.#backlog.add(plain.length)
      this.lag.durable()
      if (!this.#handOver.add(first, batch.count, plain)) this.#intake.reuse(batch)
      if (this.#backlog.isWorthSettling(this.#wal.end)) this.#settleEarly()
    } catch (cause) {
      const message = 'write of the batch failed: its entries may be there after recovery, or not'
      batch.refuse(new LedgerError('LEDGER_DEAD', message, { cause }), this.#intents)
      throw cause
    }
  }

  #schedule(delayMs: number): void {
    this.#timer = this.#options.clock.after(delayMs, () => {
      if (this.#state !== 'open' && this.#state !== 'full') return
      if (this.#wal.isDue(0, 0)) this.#draining ??= this.#drain()
      this.#publishing = this.#publish(delayMs === 0).finally(() => {
        this.#publishing = undefined
        if (this.#state === 'dead' || this.#state === 'closed') return
        this.#schedule(this.#options.publishEveryMs)
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
    if (this.#state === 'dead') return
    this.#state = 'dead'
    this.#timer?.cancel()
    this.#probe?.cancel()
    this.#linger?.cancel()
    const reason = asLedgerError(cause)
    this.#intake.refuseAll(unavailable('dead', cause))
    this.#watch.end(unavailable('dead', cause))
    void this.#quiesce().then(() => this.#announceDeath(reason))
  }

  async #quiesce(): Promise<void> {
    await Promise.resolve()
    await Promise.allSettled([this.#draining, this.#publishing, this.#settling, this.#growing])
    await this.#giveBack()
  }

  /** Whatever fails here, the instance is over and nothing depends on it. */
  async #giveBack(): Promise<void> {
    await Promise.allSettled([this.#handOver.close(), this.#wal.close()])
    await this.#instance.ownership.release()
  }
}
