import type { LeafIndex } from '@countersign/tlog'
import type { Subject } from '../vault/index.ts'
import type { CapturedBody } from './bodies.ts'
import type { OutcomeTexts } from './drafts.ts'
import type { RecordWaiter } from './record-writer.ts'
import type { Recorded } from './recorded.ts'

/** What is known of a record of an exchange while it is written. */
export interface Awaited {
  readonly exchange: string
  readonly ending: Ending | undefined
  readonly howSubject: Subject | undefined
  /** Of a relaxed route. */
  readonly isRelaxed: boolean
  /** It stands in a window: it may be told before it is durable. */
  readonly isMarked: boolean
  readonly bodies: readonly CapturedBody[] | undefined
}

/** Of an outcome. */
export interface Ending {
  readonly about: Recorded
  readonly draft: OutcomeTexts
  /** How often it is tried again where the ledger is full. */
  readonly triesLeft: number
  /** That it could not be written is made up for. */
  readonly isOwed: boolean
}

/**
 * Tells whoever waits, all of them at one later moment: each is somebody else's code, which may
 * append at once, or fail. What was promised is told at the end of the turn: what each then sends
 * to a peer that sleeps would wake it on its own, which costs more than all that is sent.
 */
export class Tellings {
  readonly #soon: (run: () => void) => void
  readonly #onFault: (fault: unknown) => void
  #waiters: ExchangeWaiter[] = []

  constructor(soon: (run: () => void) => void, onFault: (fault: unknown) => void) {
    this.#soon = soon
    this.#onFault = onFault
  }

  add(waiter: ExchangeWaiter): void {
    if (this.#waiters.push(waiter) === 1) this.#soon(this.#tell)
  }

  readonly #tell = (): void => {
    const waiters = this.#waiters
    this.#waiters = []
    for (const waiter of waiters) {
      try {
        waiter.tell()
      } catch (fault) {
        this.#onFault(fault)
      }
    }
  }
}

/** Is told before the caller is. */
export interface ExchangeRecords {
  /** It has its place. */
  told(of: Awaited, index: LeafIndex, leafText: string, incarnation: number): Recorded
  durable(of: Awaited, index: LeafIndex): void
  /** False: the caller is not told, somebody else goes on with it. */
  failed(of: Awaited, error: unknown, waiter: ExchangeWaiter): boolean
  /** It has its place before it is durable. */
  readonly promised: Tellings
  /** It is durable, or never will be. */
  readonly settled: Tellings
}

/**
 * Tells of what is promised, and when it is durable. One object for each record: as many
 * closures as it has methods cost more, twice for each exchange.
 */
export class ExchangeWaiter implements RecordWaiter {
  readonly #of: Awaited
  readonly #records: ExchangeRecords
  readonly #done: (recorded: Recorded) => void
  readonly #failed: (error: unknown) => void
  #recorded: Recorded | undefined
  #error: unknown
  #isTold = false

  constructor(
    of: Awaited,
    records: ExchangeRecords,
    done: (recorded: Recorded) => void,
    failed: (error: unknown) => void,
  ) {
    this.#of = of
    this.#records = records
    this.#done = done
    this.#failed = failed
  }

  /** The same caller waits for another try. */
  again(of: Awaited): ExchangeWaiter {
    return new ExchangeWaiter(of, this.#records, this.#done, this.#failed)
  }

  promised(index: LeafIndex, leafText: string, incarnation: number): void {
    const recorded = this.#records.told(this.#of, index, leafText, incarnation)
    recorded.isDurable = false
    this.#recorded = recorded
    this.#records.promised.add(this)
  }

  written(index: LeafIndex, leafText: string, incarnation: number): void {
    const promised = this.#recorded
    const recorded = promised ?? this.#records.told(this.#of, index, leafText, incarnation)
    recorded.isDurable = true
    this.#recorded = recorded
    this.#records.durable(this.#of, index)
    if (promised === undefined) this.#records.settled.add(this)
  }

  failed(error: unknown): void {
    this.#recorded = undefined
    this.#error = error
    if (this.#records.failed(this.#of, error, this)) this.#records.settled.add(this)
  }

  /** Once: what was promised may have failed before it is told, or after. */
  tell(): void {
    if (this.#isTold) return
    this.#isTold = true
    if (this.#recorded === undefined) this.#failed(this.#error)
    else this.#done(this.#recorded)
  }
}
