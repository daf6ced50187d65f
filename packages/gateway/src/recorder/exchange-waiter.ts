import type { LeafIndex } from '@countersign/tlog'
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

/** Is told before the caller is. */
export interface ExchangeRecords {
  /** It has its place. */
  told(of: Awaited, index: LeafIndex, leaf: Uint8Array, incarnation: number): Recorded
  durable(of: Awaited, index: LeafIndex): void
}

/**
 * Tells at once of what is promised, and when it is durable. One object for each record: as many
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

  promised(index: LeafIndex, leaf: Uint8Array, incarnation: number): void {
    const pending = this.#records.told(this.#of, index, leaf, incarnation)
    this.#pending = pending
    pending.isDurable = false
    this.#resolve(pending)
  }

  written(index: LeafIndex, leaf: Uint8Array, incarnation: number): void {
    const pending = this.#pending
    const recorded = pending ?? this.#records.told(this.#of, index, leaf, incarnation)
    recorded.isDurable = true
    this.#records.durable(this.#of, index)
    if (pending === undefined) this.#resolve(recorded)
  }

  failed(error: unknown): void {
    this.#failed(error)
  }
}
