import {
  type Actant,
  type ActFacts,
  type ActKind,
  formatUuid,
  type How,
  type Progress,
  REASONS,
  type RecordPlace,
  type Via,
} from '@countersign/evidence'
import type { LeafIndex } from '@countersign/tlog'
import { LedgerError } from '../ledger/index.ts'
import type { Clock, Random } from '../platform/index.ts'
import type { BodyStore, Subject, Vault } from '../vault/index.ts'
import { askedSections } from './asked-sections.ts'
import { Bodies } from './bodies.ts'
import { bytesOfText } from './bytes-of-text.ts'
import { Diary, type RecordKeeper } from './diary.ts'
import type { AskedTexts, IntentDraft, OutcomeTexts, RefusalDraft } from './drafts.ts'
import { Ends } from './ends.ts'
import { RecorderError } from './error.ts'
import { readExchange } from './exchange-id.ts'
import {
  type Awaited,
  type Ending,
  type ExchangeRecords,
  ExchangeWaiter,
  Tellings,
} from './exchange-waiter.ts'
import { FoldRecords } from './folds.ts'
import { Identifiers } from './identifiers.ts'
import { LateReceipts } from './late-receipts.ts'
import { ReceiptMaker } from './receipt-maker.ts'
import { RecordClock } from './record-clock.ts'
import type { RecordWaiter, WriteDraft, Written } from './record-writer.ts'
import { Recorded } from './recorded.ts'
import type { SectionText } from './section-text.ts'
import { Windows } from './windows.ts'

/** How long a ledger may be idle before a heartbeat says that it still lives. */
export const HEARTBEAT_MS = 60_000

export interface RecorderOptions {
  readonly keeper: RecordKeeper
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
  /** Without it no body can be captured. */
  readonly bodies?: BodyStore | undefined
  readonly onFault: (fault: unknown) => void
}

/** Who waits for a record of an exchange. */
type Done = (recorded: Recorded) => void
type Failed = (error: unknown) => void

type RecordsOfKind = Omit<ExchangeRecords, 'promised' | 'settled'>

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
  readonly #ends = new Ends()
  readonly #late = new LateReceipts()
  readonly #intents: ExchangeRecords
  readonly #outcomes: ExchangeRecords
  readonly #receipts: ReceiptMaker
  /** Refusals that are counted instead of recorded one by one. */
  readonly folds: FoldRecords
  /** What of relaxed routes may be acted on before it is durable. */
  readonly windows: Windows
  /** Bodies that are captured, from their first byte to their record. */
  readonly bodies: Bodies
  /** Of the exchange that is begun now: it is copied before the next one is. */
  readonly #exchangeId = new Uint8Array(16)
  #openIntents = 0

  readonly #intentRecords: RecordsOfKind = {
    told: (of, index, leafText, incarnation) => {
      if (of.isMarked) this.#late.promise(of.exchange)
      return this.#told(of, index, leafText, incarnation)
    },
    durable: (of, index) => this.#durable(of, index),
    failed: ({ bodies }, error) => {
      this.#openIntents -= 1
      this.bodies.unnamed(bodies, error)
      return true
    },
  }

  readonly #outcomeRecords: RecordsOfKind = {
    told: (of, index, leafText, incarnation) => {
      this.#openIntents -= 1
      if (of.isMarked) this.#late.promise(of.exchange)
      return this.#told(of, index, leafText, incarnation)
    },
    durable: (of, index) => {
      if (of.ending !== undefined) this.#ends.remember(of.ending.about.index, index)
      this.#durable(of, index)
    },
    failed: (of, error, waiter) => this.#notEnded(of, error, waiter),
  }

  constructor(options: RecorderOptions) {
    const { clock, random, heartbeatMs = HEARTBEAT_MS } = options
    const { epoch, origin, vault } = options
    this.#options = options
    this.#receipts = new ReceiptMaker({
      epoch,
      origin,
      tag: (message) => vault.receiptMac(message),
    })
    this.#clock = new RecordClock({ clock })
    const promised = new Tellings((tell) => clock.atTurnEnd(tell), options.onFault)
    const settled = new Tellings(queueMicrotask, options.onFault)
    this.#intents = { ...this.#intentRecords, promised, settled }
    this.#outcomes = { ...this.#outcomeRecords, promised, settled }
    this.#identifiers = new Identifiers({ random })
    this.bodies = new Bodies({
      store: options.bodies,
      vault,
      nowUs: () => clock.nowUs(),
      incarnation: () => this.#diary.incarnation,
    })
    this.folds = new FoldRecords({
      epoch: options.epoch,
      write: (draft) => this.#diary.write(draft),
      incarnation: () => this.#diary.incarnation,
    })
    this.windows = new Windows({
      clock,
      epoch,
      write: (draft, waiter) => this.#diary.begin(draft, waiter),
    })
    this.#diary = new Diary({
      ...options,
      clock: this.#clock,
      timers: clock,
      identifiers: this.#identifiers,
      opening: { ...options, heartbeatMs },
      onIncarnation: () => {
        this.#openIntents = 0
        this.folds.forget()
        this.windows.forget()
        this.#late.forgetPromised()
      },
    })
  }

  /** The life of the ledger that records go into now. */
  get incarnation(): number | undefined {
    return this.#diary.incarnation
  }

  /** Resolves when the first records of the first incarnation are durable. */
  start(): Promise<void> {
    return this.#diary.start()
  }

  /**
   * Writes what is owed and the stop, and refuses all that comes after. Where an exchange is still
   * without its end no stop is written: the next start will tell of an interruption.
   */
  async stop(cause: string): Promise<void> {
    await this.windows.end()
    const isClean = (): boolean => this.#openIntents + this.folds.openFolds === 0
    await this.#diary.stop(cause, () => isClean() && !this.windows.isOpen)
  }

  /** An id for an exchange whose request is still being read. */
  newExchange(): string {
    return formatUuid(this.#identifiers.next(this.#clock.nowUs(), this.#exchangeId))
  }

  /** Before one byte of the request is forwarded: durable, or relaxed under a window. */
  intent(draft: IntentDraft | AskedTexts): Promise<Recorded> {
    return new Promise((done, failed) => this.beginIntent(draft, done, failed))
  }

  /**
   * As `intent`, where promises cost: later either `done` or `failed` is called, once. Throws what
   * makes the draft none of an exchange.
   */
  beginIntent(draft: IntentDraft | AskedTexts, done: Done, failed: Failed): void {
    const recordId = this.#exchangeOf(draft)
    const exchange = draft.exchange ?? formatUuid(recordId)
    const { sections, howSubject } = askedSections(draft)
    const { bodies } = draft
    const keys = this.bodies.keysOf(bodies)
    // From here on, not from when it is durable: a stop may be asked for in between.
    this.#openIntents += 1
    const isRelaxed = draft.isRelaxed === true
    const recording = this.#recordingOf(isRelaxed)
    const isMarked = recording !== undefined
    const of = { exchange, ending: undefined, howSubject, isRelaxed, isMarked, bodies }
    this.#begin(
      { kind: 'intent', recordId, exchange, opens: recordId, sections, keys, recording },
      new ExchangeWaiter(of, this.#intents, done, failed),
    )
  }

  #told(of: Awaited, index: LeafIndex, leafText: string, incarnation: number): Recorded {
    const { exchange, howSubject, isRelaxed } = of
    return this.#recorded(exchange, { index, leafText, incarnation }, howSubject, isRelaxed)
  }

  #durable({ isMarked, exchange, bodies }: Awaited, index: LeafIndex): void {
    if (isMarked) this.#late.settle(exchange, index)
    if (bodies !== undefined) this.bodies.named(bodies)
  }

  /** What is relaxed is marked, where the window that is open has room for it. */
  #recordingOf(isRelaxed: boolean): 'relaxed' | undefined {
    return isRelaxed && this.windows.admits() ? 'relaxed' : undefined
  }

  /** The waiter is told whatever refuses the record. */
  #begin(draft: WriteDraft, waiter: RecordWaiter): void {
    try {
      this.#diary.begin(draft, draft.recording === undefined ? waiter : this.#counted(waiter))
      if (draft.recording !== undefined) this.windows.count()
    } catch (error) {
      waiter.failed(error)
    }
  }

  /** What is refused stands in no window; what was promised is lost only with its life. */
  #counted(waiter: RecordWaiter): RecordWaiter {
    let isPromised = false
    return {
      promised: (index, leafText, incarnation) => {
        isPromised = true
        waiter.promised?.(index, leafText, incarnation)
      },
      written: (index, leafText, incarnation) => waiter.written(index, leafText, incarnation),
      failed: (error) => {
        if (!isPromised) this.windows.discount()
        waiter.failed(error)
      },
    }
  }

  /**
   * How far an exchange has come that is still going on. Whoever has asked for its outcome asks
   * for no progress any more: it would tell of what has ended.
   */
  async progress(about: Recorded, how: Progress | SectionText): Promise<void> {
    if (about.incarnation !== this.#diary.incarnation) {
      throw new RecorderError('RECORDER_INTENT_CLOSED', 'the exchange was interrupted')
    }
    await this.#diary.write({
      kind: 'progress',
      exchange: about.exchange,
      about: { epoch: about.epoch, index: about.index },
      sections: [{ name: 'how', value: how, subject: about.howSubject }],
    })
  }

  /** Before the last byte of the response is released. */
  outcome(about: Recorded, draft: OutcomeTexts): Promise<Recorded> {
    return new Promise((done, failed) => this.beginOutcome(about, draft, done, failed))
  }

  /** As `outcome`, where promises cost: later either `done` or `failed` is called, once. */
  beginOutcome(about: Recorded, draft: OutcomeTexts, done: Done, failed: Failed): void {
    const of = ended({ about, draft, triesLeft: 1, isOwed: true }, about.isRelaxed)
    this.#end(of, new ExchangeWaiter(of, this.#outcomes, done, failed))
  }

  /**
   * Ends an exchange of which nobody is left to tell. A record that says how many they are comes
   * before it: `worker-lost`.
   */
  interrupt(about: Recorded): Promise<Recorded> {
    return this.#endAnyway(about, { how: { ended: 'interrupted' } })
  }

  /** Before a refusal is sent. */
  async refusal(
    draft: RefusalDraft | (AskedTexts & { readonly how: SectionText }),
  ): Promise<Recorded> {
    const recordId = this.#exchangeOf(draft)
    const exchange = draft.exchange ?? formatUuid(recordId)
    const { sections, howSubject } = askedSections(draft)
    const how = { name: 'how', value: draft.how, subject: howSubject } as const
    const all = [...sections, how]
    const { bodies } = draft
    const keys = this.bodies.keysOf(bodies)
    const refusal = { kind: 'refusal', recordId, exchange, sections: all, keys } as const
    try {
      const written = await this.#diary.write(refusal)
      this.bodies.named(bodies)
      return this.#recorded(exchange, written, undefined)
    } catch (error) {
      this.bodies.unnamed(bodies, error)
      throw error
    }
  }

  /** Something that was done to the gateway, or that it did itself. */
  async act<K extends ActKind>(
    kind: K,
    facts: ActFacts[K],
    { who, about }: { readonly who?: Actant; readonly about?: RecordPlace } = {},
  ): Promise<RecordedAct> {
    const { index, leafText } = await this.#diary.write({
      kind,
      ...(about === undefined ? {} : { about }),
      sections: [
        { name: 'who', value: who },
        { name: 'what', value: facts },
      ],
    })
    const leaf = bytesOfText(leafText)
    return { epoch: this.#options.epoch, index, leaf }
  }

  /** Somebody as the records of acts name them: by a number, never by name. */
  actant(
    { issuer, id }: { readonly issuer: string; readonly id: string },
    method?: string,
  ): Actant {
    const subject = this.#options.vault.subjectNumber({ issuer, id })
    return method === undefined ? { subject } : { subject, method }
  }

  /** Where a relaxed exchange has its end, or how far it has come, while it is remembered. */
  lateReceipt(exchange: string): LeafIndex | 'pending' | undefined {
    return this.#late.find(exchange)
  }

  /** The outcome of an intent, while it is remembered. */
  endOf(intent: LeafIndex): LeafIndex | undefined {
    return this.#ends.of(intent)
  }

  #end(of: Awaited & { readonly ending: Ending }, waiter: ExchangeWaiter): void {
    const { exchange, bodies, isRelaxed } = of
    const { about, draft } = of.ending
    // A later incarnation has closed it, or will: two ends must not meet.
    if (about.incarnation !== this.#diary.incarnation) {
      const message = 'the exchange was interrupted'
      waiter.failed(new RecorderError('RECORDER_INTENT_CLOSED', message))
      return
    }
    const record: WriteDraft = {
      kind: 'outcome',
      exchange,
      about: { epoch: about.epoch, index: about.index },
      closes: about.index,
      keys: this.bodies.keysOf(bodies),
      recording: this.#recordingOf(isRelaxed),
      sections: [
        { name: 'via', value: draft.via },
        { name: 'how', value: draft.how, subject: about.howSubject },
      ],
    }
    this.#begin(record, waiter)
  }

  /** True: its caller is told. */
  #notEnded(of: Awaited, error: unknown, waiter: ExchangeWaiter): boolean {
    const { ending, bodies, isRelaxed } = of
    if (ending === undefined) return true
    const { about, draft, triesLeft, isOwed } = ending
    if (triesLeft > 0 && isFull(error)) {
      // The end of what was let happen has room kept for it, but not beside other records; and
      // those that were refused with it must be gone before.
      const again = ended({ ...ending, triesLeft: triesLeft - 1 }, isRelaxed)
      queueMicrotask(() => this.#end(again, waiter.again(again)))
      return false
    }
    this.bodies.unnamed(bodies, error)
    if (isOwed && !isClosed(error)) {
      this.#diary.owe(about.index, () => this.#lateOutcome(about, draft.via))
    }
    return true
  }

  /** Of which nobody is told but whoever asks here. */
  #endAnyway(about: Recorded, draft: OutcomeTexts): Promise<Recorded> {
    return new Promise((done, failed) => {
      const of = ended({ about, draft, triesLeft: 0, isOwed: false }, false)
      this.#end(of, new ExchangeWaiter(of, this.#outcomes, done, failed))
    })
  }

  /** The end of an exchange whose caller was told that its outcome is not on record. */
  async #lateOutcome(about: Recorded, via: Via | SectionText | undefined): Promise<void> {
    const error = 'outcome-unrecorded'
    const { status } = REASONS[error]
    try {
      const how: How = { ended: 'released', status, source: 'gateway', error }
      await this.#endAnyway(about, { via, how })
    } catch (fault) {
      if (!isClosed(fault)) throw fault
    }
  }

  #exchangeOf({ exchange }: { readonly exchange?: string | undefined }): Uint8Array {
    if (exchange !== undefined) return readExchange(exchange, this.#exchangeId)
    return this.#identifiers.next(this.#clock.nowUs(), this.#exchangeId)
  }

  #recorded(
    exchange: string,
    { index, leafText, incarnation }: Written,
    howSubject: Subject | undefined,
    isRelaxed: boolean = false,
  ): Recorded {
    const { epoch } = this.#options
    const facts = { epoch, index, leafText, exchange, incarnation, howSubject, isRelaxed }
    return new Recorded(facts, this.#receipts)
  }
}

/** An outcome while it is written. That of a relaxed exchange is looked for, marked or not. */
function ended(ending: Ending, isRelaxed: boolean): Awaited & { readonly ending: Ending } {
  const { exchange } = ending.about
  const { bodies } = ending.draft
  return { exchange, ending, howSubject: undefined, isRelaxed, isMarked: isRelaxed, bodies }
}

function isClosed(error: unknown): boolean {
  return error instanceof RecorderError && error.code === 'RECORDER_INTENT_CLOSED'
}

function isFull(error: unknown): boolean {
  const cause = error instanceof RecorderError ? error.cause : undefined
  return cause instanceof LedgerError && cause.code === 'LEDGER_FULL'
}
