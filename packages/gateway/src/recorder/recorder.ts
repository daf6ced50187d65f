import {
  type Actant,
  type ActFacts,
  type ActKind,
  formatUuid,
  parseUuid,
  REASONS,
  type Via,
  type Where,
  type Who,
} from '@countersign/evidence'
import type { LeafIndex } from '@countersign/tlog'
import { LedgerError, type LedgerKeeper } from '../ledger/index.ts'
import type { Clock, Random } from '../platform/index.ts'
import type { SealKey, Vault } from '../vault/index.ts'
import { Diary } from './diary.ts'
import type { IntentDraft, OutcomeDraft, RefusalDraft } from './drafts.ts'
import { RecorderError } from './error.ts'
import { Identifiers } from './identifiers.ts'
import { RecordClock } from './record-clock.ts'
import type { PlannedSection, Written } from './record-writer.ts'
import { Recorded } from './recorded.ts'
import { subjectOf } from './subject.ts'

/** How long a ledger may be idle before a heartbeat says that it still lives. */
export const HEARTBEAT_MS = 60_000

export interface RecorderOptions {
  readonly keeper: LedgerKeeper
  readonly vault: Vault
  readonly clock: Clock
  readonly random: Random
  readonly epoch: number
  readonly origin: string
  readonly vkeys: readonly string[]
  /** The configured name of this gateway. */
  readonly gateway: string
  readonly version: string
  readonly runtime: string
  readonly heartbeatMs?: number | undefined
  readonly onFault: (fault: unknown) => void
}

/** Exchanges whose end is remembered, so that an intent's receipt leads to its outcome. */
export const ENDS_REMEMBERED_MAX = 65_536

/** Where an act stands in the ledger. */
export interface RecordedAct {
  readonly epoch: number
  readonly index: LeafIndex
  readonly leaf: Uint8Array
}

/** Turns exchanges and acts into records. What it returns is durable. */
export class Recorder {
  readonly #options: RecorderOptions
  readonly #clock: RecordClock
  readonly #identifiers: Identifiers
  readonly #diary: Diary
  readonly #ends = new Map<LeafIndex, LeafIndex>()
  #openIntents = 0

  constructor(options: RecorderOptions) {
    const { clock, random, heartbeatMs = HEARTBEAT_MS } = options
    this.#options = options
    this.#clock = new RecordClock({ clock })
    this.#identifiers = new Identifiers({ random })
    this.#diary = new Diary({
      ...options,
      clock: this.#clock,
      timers: clock,
      identifiers: this.#identifiers,
      opening: { ...options, heartbeatMs },
      onIncarnation: () => {
        this.#openIntents = 0
      },
    })
  }

  /** Resolves when the first records of the first incarnation are durable. */
  start(): Promise<void> {
    return this.#diary.start()
  }

  /**
   * Writes what is owed and the stop, and refuses all that comes after. Where an exchange is still
   * without its end no stop is written: the next start will tell of an interruption.
   */
  stop(cause: string): Promise<void> {
    return this.#diary.stop(cause, () => this.#openIntents === 0)
  }

  /** An id for an exchange whose request is still being read. */
  newExchange(): string {
    return formatUuid(this.#identifiers.next(this.#clock.nowUs()))
  }

  /** Before one byte of the request is forwarded. */
  async intent(draft: IntentDraft): Promise<Recorded> {
    const recordId = this.#exchangeOf(draft)
    const exchange = draft.exchange ?? formatUuid(recordId)
    const { sections, howKey } = this.#asked(draft)
    const opens = recordId
    const written = await this.#diary.write({ kind: 'intent', recordId, exchange, opens, sections })
    this.#openIntents += 1
    return this.#recorded(exchange, written, howKey)
  }

  /** Before the last byte of the response is released. */
  async outcome(about: Recorded, { via, how }: OutcomeDraft): Promise<Recorded> {
    // A later incarnation has closed it, or will: two ends must not meet.
    if (about.incarnation !== this.#diary.incarnation) {
      throw new RecorderError('RECORDER_INTENT_CLOSED', 'the exchange was interrupted')
    }
    try {
      return await this.#outcome(about, { via, how }).catch((error: unknown) => {
        // The end of what was let happen has room kept for it, but not beside other records.
        if (!isFull(error)) throw error
        return this.#outcome(about, { via, how })
      })
    } catch (error) {
      if (!isClosed(error)) this.#diary.owe(about.index, () => this.#lateOutcome(about, via))
      throw error
    }
  }

  /** Before a refusal is sent. */
  async refusal(draft: RefusalDraft): Promise<Recorded> {
    const recordId = this.#exchangeOf(draft)
    const exchange = draft.exchange ?? formatUuid(recordId)
    const { sections, howKey } = this.#asked(draft)
    const how = { name: 'how', value: draft.how, keyOf: howKey } as const
    const all = [...sections, how]
    const written = await this.#diary.write({ kind: 'refusal', recordId, exchange, sections: all })
    return this.#recorded(exchange, written, undefined)
  }

  /** Something that was done to the gateway, or that it did itself. */
  async act<K extends ActKind>(
    kind: K,
    facts: ActFacts[K],
    { who }: { readonly who?: Actant } = {},
  ): Promise<RecordedAct> {
    const { index, leaf } = await this.#diary.write({
      kind,
      sections: [
        { name: 'who', value: who },
        { name: 'what', value: facts },
      ],
    })
    return { epoch: this.#options.epoch, index, leaf }
  }

  /** The outcome of an intent, while it is remembered. */
  endOf(intent: LeafIndex): LeafIndex | undefined {
    return this.#ends.get(intent)
  }

  #remember(intent: LeafIndex, outcome: LeafIndex): void {
    this.#ends.set(intent, outcome)
    if (this.#ends.size <= ENDS_REMEMBERED_MAX) return
    for (const oldest of this.#ends.keys()) {
      this.#ends.delete(oldest)
      return
    }
  }

  async #outcome(about: Recorded, { via, how }: OutcomeDraft): Promise<Recorded> {
    const { exchange } = about
    const written = await this.#diary.write({
      kind: 'outcome',
      exchange,
      about: { epoch: about.epoch, index: about.index },
      closes: about.index,
      sections: [
        { name: 'via', value: via },
        { name: 'how', value: how, keyOf: about.howKey },
      ],
    })
    this.#openIntents -= 1
    this.#remember(about.index, written.index)
    return this.#recorded(exchange, written, undefined)
  }

  /** The end of an exchange whose caller was told that its outcome is not on record. */
  async #lateOutcome(about: Recorded, via: Via | undefined): Promise<void> {
    const error = 'outcome-unrecorded'
    const { status } = REASONS[error]
    try {
      await this.#outcome(about, {
        via,
        how: { ended: 'released', status, source: 'gateway', error },
      })
    } catch (fault) {
      if (!isClosed(fault)) throw fault
    }
  }

  /** The sections of a request, each with its key. */
  #asked(draft: IntentDraft | RefusalDraft): {
    readonly sections: readonly PlannedSection[]
    readonly howKey: Recorded['howKey']
  } {
    const { who, actor, where, what, why, personal } = draft
    const person = this.#keyOf(who, where)
    const sections: readonly PlannedSection[] = [
      { name: 'who', value: who, keyOf: person },
      { name: 'actor', value: actor, keyOf: actor && this.#keyOf(actor, where) },
      { name: 'where', value: where, keyOf: person },
      { name: 'what', value: what, keyOf: personal?.includes('what') ? person : undefined },
      { name: 'why', value: why },
    ]
    return { sections, howKey: personal?.includes('how') ? person : undefined }
  }

  #keyOf(who: Who | undefined, where: Where): (atUs: number) => SealKey {
    const subject = subjectOf(who, where)
    return (atUs) => this.#options.vault.subjectKey(subject, atUs)
  }

  #exchangeOf({ exchange }: { readonly exchange?: string | undefined }): Uint8Array {
    if (exchange !== undefined) return parseUuid(exchange)
    return this.#identifiers.next(this.#clock.nowUs())
  }

  #recorded(
    exchange: string,
    { index, leaf, incarnation }: Written,
    howKey: Recorded['howKey'],
  ): Recorded {
    const { epoch, origin, vault } = this.#options
    return new Recorded({
      epoch,
      index,
      leaf,
      incarnation,
      howKey,
      origin,
      exchange,
      tag: (message) => vault.receiptTag(message),
    })
  }
}

function isClosed(error: unknown): boolean {
  return error instanceof RecorderError && error.code === 'RECORDER_INTENT_CLOSED'
}

function isFull(error: unknown): boolean {
  const cause = error instanceof RecorderError ? error.cause : undefined
  return cause instanceof LedgerError && cause.code === 'LEDGER_FULL'
}
