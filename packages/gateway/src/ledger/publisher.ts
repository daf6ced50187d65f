import {
  equalHashes,
  type Hash,
  type NoteVerifier,
  openCheckpoint,
  type TreeSize,
} from '@countersign/tlog'
import { type Clock, type Disk, writeFileDurably } from '../platform/index.ts'
import type { ForwardSigner } from './checkpoint-signer.ts'
import { LedgerError } from './error.ts'
import { CHECKPOINT_NAME, type Layout, NOTES_NAME } from './layout.ts'
import type { HeldLock } from './lock-record.ts'
import { checkpointRow, isSignedRow, StoredCheckpoints } from './stored-checkpoints.ts'

/** A checkpoint that anybody may see. */
export interface Published {
  readonly size: TreeSize
  readonly root: Hash
  readonly note: string
}

export interface PublisherOptions {
  readonly disk: Disk
  readonly clock: Clock
  readonly layout: Layout
  readonly lock: HeldLock
  readonly signer: ForwardSigner
  /** Of the log's keys: all of them must have signed, the Ed25519 one first. */
  readonly verifiers: readonly NoteVerifier[]
  readonly origin: string
}

const HOUR_US = 3_600_000_000

/** From a settled root to a checkpoint that is seen: sign, lock, keep, rename. */
export class Publisher {
  readonly #options: PublisherOptions
  readonly #stored: StoredCheckpoints
  #published: Published | undefined
  /** The newest note that stays, and its hour. */
  #kept: TreeSize | undefined
  #keptHour = -1

  constructor(options: PublisherOptions) {
    this.#options = options
    this.#stored = new StoredCheckpoints(options.disk, options.layout.checkpoints)
  }

  /** The newest checkpoint that is seen; undefined before `resume`. */
  get published(): Published | undefined {
    return this.#published
  }

  /** Makes seen what the lock says: the last steps of a publication that a crash cut short. */
  async resume(): Promise<void> {
    const { disk, layout, lock, origin } = this.#options
    await disk.makeDirectory(`${layout.checkpoints}/${NOTES_NAME}`)
    const ed25519 = this.#ed25519()
    const row = checkpointRow(lock.record, ed25519)
    await this.#stored.writeNote(lock.record.size, lock.record.note)
    await this.#stored.resume(row, (each) => isSignedRow(each, origin, ed25519))
    await this.#showCheckpoint(lock.record)
    this.#published = lock.record
    this.#kept = lock.record.size
  }

  /**
   * Publishes a root that integration settled. May be called again after a failure: what the lock
   * already says is made seen first, and never signed twice.
   */
  async publish(size: TreeSize, root: Hash): Promise<Published> {
    const { lock, signer } = this.#options
    await lock.confirm()
    if (lock.record.size > (this.#published?.size ?? -1)) await this.#show()
    if (size > lock.record.size) {
      // A crash before the lock moved leaves files that no checkpoint covers: they are made again.
      const note = await signer.sign({ size, root })
      assertNote(note, { size, root }, this.#options.verifiers)
      await lock.move({ size, root, note })
      // A crash from here on leaves a lock that is ahead of `checkpoint`: `resume` catches up.
      await this.#show()
    }
    return lock.record
  }

  async #show(): Promise<void> {
    const { record } = this.#options.lock
    const before = this.#published?.size
    await this.#stored.writeNote(record.size, record.note)
    await this.#stored.append(checkpointRow(record, this.#ed25519()))
    await this.#showCheckpoint(record)
    this.#published = record
    await this.#dropNote(before)
  }

  async #showCheckpoint({ note }: Published): Promise<void> {
    const { disk, layout } = this.#options
    const path = `${layout.log}/${CHECKPOINT_NAME}`
    const bytes = new TextEncoder().encode(note)
    await writeFileDurably(disk, path, bytes, { syncDirectory: true })
  }

  /** Whole notes stay for the newest checkpoint and for the first of an hour. */
  async #dropNote(before: TreeSize | undefined): Promise<void> {
    if (before !== undefined && before !== this.#kept) await this.#stored.removeNote(before)
    const hour = Math.floor(this.#options.clock.nowUs() / HOUR_US)
    if (hour !== this.#keptHour) this.#kept = this.#published?.size
    this.#keptHour = hour
  }

  #ed25519(): NoteVerifier {
    const [first] = this.#options.verifiers
    if (first !== undefined) return first
    throw new LedgerError('LEDGER_KEYS', 'log has no verifier key')
  }
}

/** What was signed is looked at once more before the lock says it. */
export function assertNote(
  note: string,
  { size, root }: { readonly size: TreeSize; readonly root: Hash },
  verifiers: readonly NoteVerifier[],
): void {
  const { checkpoint } = openCheckpoint(note, { log: verifiers })
  if (checkpoint.size === size && equalHashes(checkpoint.root, root)) return
  throw new LedgerError('LEDGER_KEYS', `signer signed ${checkpoint.size} where ${size} was asked`)
}
