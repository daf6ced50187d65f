import type { LeafIndex, TreeSize } from '@countersign/tlog'
import { diskErrorCode, type Timer } from '../platform/index.ts'
import type { Backlog } from './backlog.ts'
import { type Batch, type EntryWaiter, FRAME_BYTES_MAX, isNeeded } from './batch.ts'
import type { ClosedSegments } from './closed-segments.ts'
import { type Entry, entryBytes } from './entry.ts'
import { LedgerError } from './error.ts'
import { Intake } from './intake.ts'
import type { Lag } from './lag.ts'
import { backlog, full, unavailable } from './ledger-faults.ts'
import type { LedgerOptions } from './ledger-options.ts'
import type { OpenIntents } from './open-intents.ts'
import type { WalWriter } from './wal-writer.ts'

/** `full` takes the ends of what is open, and what is urgent; `dead` and `closed` take nothing. */
export type LedgerState = 'open' | 'full' | 'dead' | 'closed'

/** How often a full disk is asked again. */
const PROBE_EVERY_MS = 1_000

/** How long what nobody waits for waits for others. */
const LINGER_MS = 10

/** Turns of the event loop that a batch waits for at most, while each brings more. */
const TURNS_MAX = 2

export interface CommitLoopParts {
  readonly options: Pick<LedgerOptions, 'clock' | 'limits' | 'onFlush'>
  readonly wal: WalWriter
  readonly segments: ClosedSegments
  readonly intents: OpenIntents
  readonly lag: Lag
  readonly backlog: Backlog
  /** Makes the backlog shorter. */
  readonly settle: () => Promise<unknown>
  /** Entries that are acknowledged. True: their memory is given away. */
  readonly acknowledged: (
    first: LeafIndex,
    count: number,
    plain: Uint8Array<ArrayBuffer>,
  ) => boolean
  /** The instance is over. Calls `die` before it returns. */
  readonly onFault: (cause: unknown) => void
}

/**
 * From the queue to the disk: while one batch is flushed the next one fills. Nothing is told to be
 * durable before its flush has ended well; a full disk is met before anything of a batch is
 * written.
 */
export class CommitLoop {
  readonly #parts: CommitLoopParts
  readonly #wal: WalWriter
  readonly #intents: OpenIntents
  readonly #intake: Intake
  readonly #lag: Lag
  #state: LedgerState = 'open'
  #draining: Promise<void> | undefined
  /** The last allocation that no batch waits for; it never fails. */
  #growing: Promise<void> | undefined
  #probe: Timer | undefined
  #linger: Timer | undefined
  /** The batch that was taken out of the queue, and whether it is written if anything is. */
  #inHand: { readonly end: number; readonly frameBytes: number; isCertain: boolean } | undefined
  /** What a full disk had no room for. */
  #neededBytes = 0

  constructor(parts: CommitLoopParts) {
    this.#parts = parts
    this.#wal = parts.wal
    this.#intents = parts.intents
    this.#lag = parts.lag
    this.#intake = new Intake(parts.intents)
  }

  get state(): LedgerState {
    return this.#state
  }

  get isOver(): boolean {
    return this.#state === 'dead' || this.#state === 'closed'
  }

  /** As `Ledger.appendFor`. */
  append(entry: Entry, waiter: EntryWaiter): LeafIndex | undefined {
    this.#refuseUnlessOpen(entry)
    const index = entry.isRelaxed === true ? this.#placeOf(entry) : undefined
    if (index === undefined) {
      const isMoving = this.#inHand?.isCertain === false
      this.#intake.add(entry, waiter, isMoving ? 0 : this.#roomBytes)
    } else {
      this.#intake.addPromised(entry, waiter)
      if (entry.opens !== undefined) this.#intents.promise(index)
    }
    this.#lag.waits('unacknowledgedMs')
    this.#begin()
    return index
  }

  /** Closes a segment that is old enough, though nothing comes. */
  rotateIfDue(): void {
    if (this.#wal.isDue(0, 0)) this.#draining ??= this.#drain()
  }

  /** Takes no more, and resolves when what waits is written. */
  async close(): Promise<void> {
    this.#state = 'closed'
    this.#probe?.cancel()
    this.#lingered()
    while (this.#draining !== undefined) await this.#draining
  }

  /** Nothing is acknowledged any more. */
  die(cause: unknown): void {
    this.#state = 'dead'
    this.#probe?.cancel()
    this.#linger?.cancel()
    this.#intake.refuseAll(unavailable('dead', cause))
  }

  /** Resolves when nothing that was begun touches the disk any more. */
  async ended(): Promise<void> {
    await Promise.allSettled([this.#draining, this.#growing])
  }

  #refuseUnlessOpen(entry: Entry): void {
    if (this.#state === 'dead' || this.#state === 'closed') throw unavailable(this.#state)
    // What is needed is taken while allocated room lasts.
    if (this.#state === 'full' && !isNeeded(entry)) throw full()
  }

  /** Where the entry will stand, if there is room for it and all that is before it. */
  #placeOf(entry: Entry): LeafIndex | undefined {
    const inHand = this.#inHand
    const end = inHand?.end ?? this.#wal.end
    if (this.#state !== 'open' || inHand?.isCertain === false) return undefined
    if (this.#parts.backlog.isTooLong(end as TreeSize)) return undefined
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
    else this.#linger ??= this.#parts.options.clock.after(LINGER_MS, () => this.#lingered())
  }

  #lingered(): void {
    this.#linger?.cancel()
    this.#linger = undefined
    if (!this.#intake.isEmpty) this.#draining ??= this.#drain()
  }

  async #drain(): Promise<void> {
    try {
      do {
        await this.#hold()
        await this.#gather()
      } while (this.#state !== 'dead' && (await this.#next()) && this.#isPressing)
    } catch (cause) {
      this.#parts.onFault(cause)
    } finally {
      this.#drained()
    }
  }

  /** What comes meanwhile rides along. */
  async #hold(): Promise<void> {
    const holdMs = this.#state === 'open' ? this.#parts.backlog.holdMs(this.#wal.end) : 0
    if (holdMs === 0) return
    await new Promise<void>((resolve) => this.#parts.options.clock.after(holdMs, resolve))
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
    return new Promise((resolve) => this.#parts.options.clock.atTurnEnd(resolve))
  }

  /** Something may have been appended since the queue was seen to be empty. */
  #drained(): void {
    this.#draining = undefined
    this.#begin()
  }

  /** False: there is nothing to do. */
  async #next(): Promise<boolean> {
    const takenMs = this.#lag.nowMs()
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
      this.#lag.passed('unacknowledgedMs', takenMs, this.#intake.isEmpty)
    }
    return true
  }

  /** Why the batch cannot be written now; undefined when there is room for it. */
  async #refusalOf(batch: Batch): Promise<LedgerError | undefined> {
    try {
      const isCaughtUp = !this.#parts.backlog.isTooLong(this.#wal.end) || (await this.#catchUp())
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
        if (this.#parts.backlog.isTooLong(this.#wal.end)) await this.#parts.settle()
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
    const { preallocateBytes } = this.#parts.options.limits
    try {
      if (this.#wal.isDue(count, bytes)) {
        // What was promised its place has it in the next segment too.
        const roomBytes = bytes + FRAME_BYTES_MAX + this.#intake.certainBytes
        this.#parts.segments.add(await this.#wal.rotate(this.#intents.list(), roomBytes))
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
    const growing = this.#wal.growAhead(bytes + this.#parts.options.limits.preallocateBytes)
    this.#growing = growing
      ?.catch((cause: unknown) => {
        if (diskErrorCode(cause) === 'DISK_FULL') this.#becomeFull(bytes)
        else this.#parts.onFault(cause)
      })
      .finally(() => {
        this.#growing = undefined
      })
  }

  #becomeFull(neededBytes: number): void {
    if (this.#state !== 'open' && this.#state !== 'full') return
    this.#state = 'full'
    this.#neededBytes = Math.max(this.#neededBytes, neededBytes)
    this.#probeLater()
  }

  /** Again and again: while a slow disk takes what is needed, nothing else may ask. */
  #probeLater(): void {
    this.#probe?.cancel()
    this.#probe = this.#parts.options.clock.after(PROBE_EVERY_MS, () => {
      if (this.#state !== 'full') return
      this.#probeLater()
      this.#draining ??= this.#askAgain()
    })
  }

  async #askAgain(): Promise<void> {
    try {
      await this.#makeRoom(0, this.#neededBytes)
    } catch (cause) {
      this.#parts.onFault(cause)
    } finally {
      this.#drained()
    }
  }

  /** A crash before the flush ends leaves a torn tail or an entry that nobody was told of. */
  async #commit(batch: Batch): Promise<void> {
    const plain = batch.plain()
    try {
      const beganMs = this.#lag.nowMs()
      const first = await this.#wal.append(batch.count, plain)
      this.#parts.options.onFlush?.(this.#lag.nowMs() - beganMs)
      // A crash from here on leaves entries that recovery integrates: they are durable.
      if (this.#state === 'dead') throw unavailable('dead')
      batch.acknowledge(first, this.#intents)
      this.#lag.durable()
      if (!this.#parts.acknowledged(first, batch.count, plain)) this.#intake.reuse(batch)
    } catch (cause) {
      const message = 'write of the batch failed: its entries may be there after recovery, or not'
      batch.refuse(new LedgerError('LEDGER_DEAD', message, { cause }), this.#intents)
      throw cause
    }
  }
}
