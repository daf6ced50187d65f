import type { LeafIndex } from '@countersign/tlog'
import { type Entry, encodeEntry, entryBytes, tagAt } from './entry.ts'
import { viewOf } from './integers.ts'
import type { OpenIntents } from './open-intents.ts'

/** What one write and one flush carry at most. */
export const BATCH_ENTRIES_MAX = 4_096
export const BATCH_BYTES_MAX = 8_388_608

const FIRST_BYTES = 65_536

/** What a frame takes beyond its plain text, at most. */
export const FRAME_BYTES_MAX = 64

/** Who waits for an entry. It is told between two others, and must not throw. */
export interface EntryWaiter {
  /** The entry is on the disk, at `index`. */
  durable(index: LeafIndex): void
  /** It is not, or nobody knows. */
  refused(error: Error): void
}

/** What an open intent leads to was let happen, so its end is needed; and what is urgent is. */
export function isNeeded({ closes, isUrgent }: Entry): boolean {
  return closes !== undefined || isUrgent === true
}

/** Of an entry that opens nothing, or closes nothing. */
const NOTHING = -1

/**
 * Entries on their way to the disk, encoded as they arrive, with whoever waits for them.
 * The bytes are the plain text of one frame.
 */
export class Batch {
  readonly #waiters: EntryWaiter[] = []
  /** What each entry does to the open intents: where its tag stands, and what it closes. */
  readonly #tagsAt: number[] = []
  readonly #closes: number[] = []
  #bytes: Uint8Array<ArrayBuffer>
  #view: DataView
  #length = 0
  #needed = 0
  #promised = 0
  #isCertain = false

  /** `expectedBytes` spares it growing; `memory` is that of a batch that needs it no more. */
  constructor(expectedBytes = 0, memory?: Uint8Array<ArrayBuffer>) {
    const bytes = Math.max(FIRST_BYTES, expectedBytes)
    this.#bytes = memory === undefined || memory.length < bytes ? freshMemory(bytes) : memory
    this.#view = viewOf(this.#bytes)
  }

  /** What the entries are encoded in, and room for more. */
  get memory(): Uint8Array<ArrayBuffer> {
    return this.#bytes
  }

  get count(): number {
    return this.#waiters.length
  }

  get byteLength(): number {
    return this.#length
  }

  /** Whether every entry ends what an earlier one opened, or is urgent: a full disk takes it. */
  get isNeeded(): boolean {
    return this.#needed === this.count
  }

  /** Nothing is in it that somebody waits for. */
  get isPatient(): boolean {
    return this.#promised === this.count
  }

  /** What comes behind it was promised a place: it is written, or the instance ends. */
  get isCertain(): boolean {
    return this.#isCertain
  }

  makeCertain(): void {
    this.#isCertain = true
  }

  /** The last entry was promised its place. */
  promise(): void {
    this.#promised += 1
  }

  /** Whether `entry` fits; the first one always does. */
  accepts(entry: Entry): boolean {
    if (this.count === 0) return true
    return this.count < BATCH_ENTRIES_MAX && this.#length + entryBytes(entry) <= BATCH_BYTES_MAX
  }

  /** Copies the entry, and reserves what it opens and closes. */
  add(entry: Entry, intents: OpenIntents, waiter: EntryWaiter): void {
    const { opens, closes = NOTHING } = entry
    intents.reserve(entry)
    if (isNeeded(entry)) this.#needed += 1
    this.#reserve(this.#length + entryBytes(entry))
    this.#length = encodeEntry(entry, this.#bytes, this.#view, this.#length)
    this.#tagsAt.push(opens === undefined ? NOTHING : tagAt(this.#length, closes !== NOTHING))
    this.#closes.push(closes)
    this.#waiters.push(waiter)
  }

  plain(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length)
  }

  /** Durable: every caller learns its index. */
  acknowledge(first: LeafIndex, intents: OpenIntents): void {
    const { count } = this
    for (let at = 0; at < count; at += 1) {
      const tag = this.#tagsAt[at] ?? NOTHING
      const closes = this.#closes[at] ?? NOTHING
      if (tag !== NOTHING) intents.opened((first + at) as LeafIndex, this.#bytes, tag)
      if (closes !== NOTHING) intents.closed(closes as LeafIndex)
    }
    let index: number = first
    for (const waiter of this.#waiters) waiter.durable(index++ as LeafIndex)
  }

  refuse(error: Error, intents: OpenIntents): void {
    for (let at = 0; at < this.count; at += 1) {
      const closes = this.#closes[at] ?? NOTHING
      const isClosing = closes !== NOTHING
      intents.release(this.#tagsAt[at] !== NOTHING, isClosing ? (closes as LeafIndex) : undefined)
    }
    for (const waiter of this.#waiters) waiter.refused(error)
  }

  #reserve(bytes: number): void {
    if (bytes <= this.#bytes.length) return
    const grown = freshMemory(Math.max(bytes, this.#bytes.length * 2))
    grown.set(this.plain())
    this.#bytes = grown
    this.#view = viewOf(grown)
  }
}

/** Not filled with zeros: none of it is read before it is written, and it may be megabytes. */
function freshMemory(bytes: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.allocUnsafeSlow(bytes).buffer)
}
