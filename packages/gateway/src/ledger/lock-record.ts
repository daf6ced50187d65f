import { decodeBase64, encodeBase64, type Hash, type TreeSize, treeSize } from '@countersign/tlog'
import type { Lock } from '../platform/index.ts'
import { LedgerError } from './error.ts'

/** What the lock says: what was published last, and who may publish next. */
export interface LockRecord {
  readonly origin: string
  readonly epoch: number
  readonly size: TreeSize
  readonly root: Hash
  /** The whole signed checkpoint. */
  readonly note: string
  /** Of the newest instance. It rises by one with each, and fences those before. */
  readonly incarnation: number
}

export function formatLockRecord(record: LockRecord): string {
  const { origin, epoch, size, root, note, incarnation } = record
  return JSON.stringify({ origin, epoch, size, root: encodeBase64(root), note, incarnation })
}

/** Throws LEDGER_DAMAGED for anything that `formatLockRecord` would not write. */
export function parseLockRecord(value: string): LockRecord {
  try {
    const { origin, epoch, size, root, note, incarnation } = JSON.parse(value)
    const record: LockRecord = {
      origin: String(origin),
      epoch: Number(epoch),
      size: treeSize(Number(size)),
      root: decodeBase64(String(root)),
      note: String(note),
      incarnation: Number(incarnation),
    }
    if (formatLockRecord(record) === value) return record
    throw new RangeError('it is not written as the ledger writes it')
  } catch (cause) {
    throw new LedgerError('LEDGER_DAMAGED', 'lock: the record in it cannot be read', { cause })
  }
}

/** The lock as one instance holds it. */
export class HeldLock {
  readonly #lock: Lock
  #version: number
  #record: LockRecord
  /** A swap that failed without saying whether it took place. */
  #attempt: LockRecord | undefined

  private constructor(lock: Lock, version: number, record: LockRecord) {
    this.#lock = lock
    this.#version = version
    this.#record = record
  }

  /** Takes the lock over from version `from`: LEDGER_FENCED when somebody else was faster. */
  static async take(lock: Lock, from: number, record: LockRecord): Promise<HeldLock> {
    if (await lock.swap(from, formatLockRecord(record))) {
      return new HeldLock(lock, from + 1, record)
    }
    throw fenced(record)
  }

  get record(): LockRecord {
    return this.#record
  }

  /**
   * Moves the lock forward. When a swap fails nobody knows whether it took place, so the next call
   * looks first; `record` tells what is known. LEDGER_FENCED when another instance moved it.
   */
  async move(published: Pick<LockRecord, 'size' | 'root' | 'note'>): Promise<void> {
    await this.confirm()
    const next = { ...this.#record, ...published }
    this.#attempt = next
    const isMoved = await this.#lock.swap(this.#version, formatLockRecord(next))
    this.#attempt = undefined
    if (!isMoved) throw fenced(this.#record)
    this.#advance(next)
  }

  /** Finds out what became of a swap that failed. */
  async confirm(): Promise<void> {
    const attempt = this.#attempt
    if (attempt === undefined) return
    const found = await this.#lock.read()
    const isMine = found?.version === this.#version + 1 && found.value === formatLockRecord(attempt)
    if (isMine) this.#advance(attempt)
    else if (found?.version !== this.#version) throw fenced(this.#record)
    this.#attempt = undefined
  }

  #advance(record: LockRecord): void {
    this.#version += 1
    this.#record = record
  }
}

function fenced({ incarnation }: LockRecord): LedgerError {
  const message = `lock was moved by another instance; incarnation ${incarnation} is over`
  return new LedgerError('LEDGER_FENCED', message)
}
