import { Batch, type EntryWaiter, FRAME_BYTES_MAX } from './batch.ts'
import { assertEntry, type Entry, entryBytes } from './entry.ts'
import { LedgerError } from './error.ts'
import type { OpenIntents } from './open-intents.ts'

/** What may wait for the disk. Beyond either: LEDGER_QUEUE_FULL. */
export const QUEUE_ENTRIES_MAX = 65_536
export const QUEUE_BYTES_MAX = 67_108_864

/** What is worth a write of its own, though more may come. */
const LARGE_BYTES = 131_072

/** Memory that is kept for batches to come. */
const SPARES_MAX = 2

/** Room that a batch gets beyond the one before, and how fast a large one is forgotten. */
const MORE = 1.125
const LESS = 0.875

/** The queue: batches that fill while the one before them is being flushed. No timer. */
export class Intake {
  readonly #intents: OpenIntents
  readonly #batches: Batch[] = []
  #entries = 0
  #bytes = 0
  #expectedBytes = 0
  /** Of batches that are durable: while one is written, the next one fills. */
  readonly #spares: Uint8Array<ArrayBuffer>[] = []

  constructor(intents: OpenIntents) {
    this.#intents = intents
  }

  get isEmpty(): boolean {
    return this.#entries === 0
  }

  get isLarge(): boolean {
    return this.#bytes >= LARGE_BYTES
  }

  get entries(): number {
    return this.#entries
  }

  /** What the batches take when they are written, at most. */
  get frameBytes(): number {
    return this.#bytes + this.#batches.length * FRAME_BYTES_MAX
  }

  /** Nobody waits for any of it. */
  get isPatient(): boolean {
    return this.#batches.every(({ isPatient }) => isPatient)
  }

  /** Bytes that were promised a place, and what they stand behind. */
  get certainBytes(): number {
    return this.#batches.reduce(
      (sum, batch) => (batch.isCertain ? sum + batch.byteLength + FRAME_BYTES_MAX : sum),
      0,
    )
  }

  /** As `add`, of an entry that has its place: so has all that is before it. */
  addPromised(entry: Entry, waiter: EntryWaiter): void {
    this.add(entry, waiter)
    this.#batches.at(-1)?.promise()
    for (const batch of this.#batches) batch.makeCertain()
  }

  /**
   * Encodes the entry into the last batch; throws what makes it impossible. Into one that is
   * certain nothing comes that is beyond `roomBytes`.
   */
  add(entry: Entry, waiter: EntryWaiter, roomBytes: number = Number.POSITIVE_INFINITY): void {
    assertEntry(entry)
    const bytes = entryBytes(entry)
    if (this.#entries >= QUEUE_ENTRIES_MAX || this.#bytes + bytes > QUEUE_BYTES_MAX) {
      const message = `${this.#entries} entries, ${this.#bytes} bytes wait for the disk`
      throw new LedgerError('LEDGER_QUEUE_FULL', message)
    }
    this.#batchFor(entry, bytes > roomBytes).add(entry, this.#intents, waiter)
    this.#entries += 1
    this.#bytes += bytes
  }

  /** The oldest batch, which takes no more entries. */
  take(): Batch | undefined {
    const batch = this.#batches.shift()
    if (batch === undefined) return undefined
    this.#entries -= batch.count
    // A little more than the largest of late, so that the next one need not grow.
    this.#expectedBytes = Math.max(batch.byteLength * MORE, this.#expectedBytes * LESS)
    this.#bytes -= batch.byteLength
    return batch.count === 0 ? undefined : batch
  }

  /** The memory of a batch that was taken and is needed no more. */
  reuse(batch: Batch): void {
    if (this.#spares.length === SPARES_MAX) this.#spares.shift()
    this.#spares.push(batch.memory)
  }

  /** Nothing that waits will be written. */
  refuseAll(error: Error): void {
    for (let batch = this.take(); batch !== undefined; batch = this.take()) {
      batch.refuse(error, this.#intents)
    }
  }

  #batchFor(entry: Entry, isBeyond: boolean): Batch {
    const last = this.#batches.at(-1)
    if (last?.accepts(entry) && !(isBeyond && last.isCertain)) return last
    const batch = new Batch(Math.ceil(this.#expectedBytes), this.#spares.pop())
    this.#batches.push(batch)
    return batch
  }
}
