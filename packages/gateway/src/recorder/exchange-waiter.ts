import type { LeafIndex } from '@countersign/tlog'
import type { Clock } from '../platform/index.ts'
import type { SealedBody, Subject } from '../vault/index.ts'
import type { RecordWaiter } from './record-writer.ts'
import type { Recorded } from './recorded.ts'

/** What is known of a record of an exchange while it is written. */
export interface Awaited {
  readonly exchange: string
  /** Of an outcome: its intent. */
  readonly about: Recorded | undefined
  readonly howSubject: Subject | undefined
  /** Of a relaxed route. */
  readonly isRelaxed: boolean
  /** It stands in a window: it may be told before it is durable. */
  readonly isMarked: boolean
  readonly bodies: readonly SealedBody[] | undefined
}

/**
 * Whoever goes on with what is promised does so at the end of the turn, all of the turn at once:
 * what each then sends to a peer that sleeps would wake it on its own, which costs more than all
 * that is sent.
 */
export class Promised {
  readonly #clock: Clock
  #waiters: ExchangeWaiter[] = []

  constructor(clock: Clock) {
    this.#clock = clock
  }

  add(waiter: ExchangeWaiter): void {
    if (this.#waiters.push(waiter) === 1) this.#clock.atTurnEnd(() => this.#goOn())
  }

  #goOn(): void {
    const waiters = this.#waiters
    this.#waiters = []
    for (const waiter of waiters) waiter.goOn()
  }
}

/** Is told before the caller is. */
export interface ExchangeRecords {
  /** It has its place. */
  told(of: Awaited, index: LeafIndex, leafText: string, incarnation: number): Recorded
  /** It has it before it is durable: `goOn` is called at the end of the turn. */
  promised(waiter: ExchangeWaiter): void
  durable(of: Awaited, index: LeafIndex): void
}

/**
 * Tells of what is promised, and when it is durable. One object for each record: as many
 * closures as it has methods cost more, twice for each exchange.
 */
export class ExchangeWaiter implements RecordWaiter {
  readonly #of: Awaited
  readonly #records: ExchangeRecords
  readonly #resolve: (recorded: Recorded) => void
  readonly #failed: (error: unknown) => void
  #pending: Recorded | undefined

  constructor(
    of: Awaited,
    records: ExchangeRecords,
    resolve: (recorded: Recorded) => void,
    failed: (error: unknown) => void,
  ) {
    this.#of = of
    this.#records = records
    this.#resolve = resolve
    this.#failed = failed
  }

  promised(index: LeafIndex, leafText: string, incarnation: number): void {
    const pending = this.#records.told(this.#of, index, leafText, incarnation)
    this.#pending = pending
    pending.isDurable = false
    this.#records.promised(this)
  }

  /** The turn in which it was promised is over; it may have failed in it. */
  goOn(): void {
    if (this.#pending !== undefined) this.#resolve(this.#pending)
  }

  written(index: LeafIndex, leafText: string, incarnation: number): void {
    const pending = this.#pending
    const recorded = pending ?? this.#records.told(this.#of, index, leafText, incarnation)
    recorded.isDurable = true
    this.#records.durable(this.#of, index)
    if (pending === undefined) this.#resolve(recorded)
  }

  failed(error: unknown): void {
    this.#pending = undefined
    this.#failed(error)
  }
}
