import type { Actant, AnyActFacts, Kind, RecordPlace, SectionName } from '@countersign/evidence'
import type { LeafIndex } from '@countersign/tlog'
import { type EntryWaiter, type Ledger, LedgerError } from '../ledger/index.ts'
import type { SealKey, Subject, Vault } from '../vault/index.ts'
import { type Composed, composeRecord, type SectionDraft } from './composer.ts'
import { RecorderError } from './error.ts'
import type { Identifiers } from './identifiers.ts'
import { Party } from './party.ts'
import type { RecordClock, Stamp } from './record-clock.ts'
import { sectionText } from './section-text.ts'
import { writeWhen } from './when-text.ts'

/** One record to be written: everything but its `when`. */
export interface WriteDraft {
  readonly kind: Kind
  /** UUIDv7 of the record; without it one is made. */
  readonly recordId?: Uint8Array
  /** UUIDv7 of the exchange. */
  readonly exchange?: string
  readonly about?: RecordPlace
  /** Of the sections after `when`, in ascending order of id; undefined values are left out. */
  readonly sections: readonly PlannedSection[]
  /** Of captured bodies that the record names. */
  readonly keys?: readonly SealKey[] | undefined
  readonly opens?: Uint8Array
  readonly closes?: LeafIndex
  /** The ledger takes it on a full disk too, while allocated room lasts. */
  readonly isUrgent?: boolean
  /** Nobody waits for it, under the window that is open. */
  readonly recording?: 'relaxed' | undefined
}

/** A section and the subject whose key it goes under; without one, the ledger's. */
export interface PlannedSection {
  readonly name: SectionName
  readonly value: object | undefined
  readonly subject?: Subject | undefined
}

export interface Written {
  readonly index: LeafIndex
  /** Each byte a character. */
  readonly leafText: string
  readonly incarnation: number
}

export interface WriterOptions {
  readonly vault: Vault
  readonly clock: RecordClock
  readonly identifiers: Identifiers
  readonly gateway: string
}

/** Who waits for a record: an object, since promises cost more, twice for each exchange. */
export interface RecordWaiter {
  /**
   * Of a relaxed record, at once: it will be durable at this place, or be lost with this life of
   * the ledger. One of the other two follows.
   */
  promised?(index: LeafIndex, leafText: string, incarnation: number): void
  /** The record is durable. Must not throw: others wait too. */
  written(index: LeafIndex, leafText: string, incarnation: number): void
  failed(error: unknown): void
}

/** Is told before the caller is. */
export interface WriteWatcher {
  wrote(): void
  /** `isPromised`: what it tells of was acted on. */
  failed(error: unknown, isPromised: boolean): void
}

/** What records need of an instance of the ledger. */
export type RecordedLedger = Pick<
  Ledger,
  'incarnation' | 'recovery' | 'published' | 'appendFor' | 'onPacked'
>

/** Writes records into one instance of the ledger. */
export class RecordWriter {
  readonly ledger: RecordedLedger
  readonly #options: WriterOptions
  #ledgerKey: SealKey | undefined
  /** Of the record that is made now: what becomes of it is copied before the next one is. */
  readonly #recordId = new Uint8Array(16)

  constructor(ledger: RecordedLedger, options: WriterOptions) {
    this.ledger = ledger
    this.#options = options
  }

  /** Resolves when the record is durable. */
  write(draft: WriteDraft): Promise<Written> {
    return new Promise((resolve, reject) => this.begin(draft, promised(resolve, reject)))
  }

  /**
   * All up to the append happens at once, so records have their indices in the order of their
   * times. Throws what makes the draft no record, and what refuses it at once.
   */
  begin(
    draft: WriteDraft,
    waiter: RecordWaiter,
    watcher?: WriteWatcher,
    stamp: Stamp = this.#options.clock.next(),
  ): void {
    const { identifiers, gateway } = this.#options
    const { incarnation } = this.ledger
    const { kind, exchange, about, opens, closes, isUrgent, recording } = draft
    const { atUs, clock } = stamp
    const ledgerKey = this.#ledgerKeyAt(atUs)
    const recordId = draft.recordId ?? identifiers.next(atUs, this.#recordId)
    const sections: SectionDraft[] = []
    let last: Subject | undefined
    let key = ledgerKey
    for (let place = 0; place < draft.sections.length; place++) {
      const { name, value, subject } = draft.sections[place] as PlannedSection
      if (value === undefined) continue
      if (subject !== last) {
        key = subject === undefined ? ledgerKey : this.#keyOf(subject, atUs)
        last = subject
      }
      sections.push({ name, text: sectionText(name, value), key })
    }
    const { keys } = draft
    const of = { kind, recordId, exchange, atUs, gateway, incarnation, about, clock, recording }
    const when = writeWhen(of)
    const composed = composeRecord({ kind, recordId, ledgerKey, when, sections, keys })
    const { leaf, payload } = composed
    const pending = new Pending({ stamp, clock: this.#options.clock, incarnation }, composed, {
      waiter,
      watcher,
    })
    const isRelaxed = recording === 'relaxed'
    let index: LeafIndex | undefined
    try {
      const entry = { leaf, payload, opens, closes, isUrgent, isRelaxed }
      index = this.ledger.appendFor(entry, pending)
    } catch (cause) {
      throw pending.fault(cause)
    }
    if (index !== undefined) pending.promised(index)
  }

  #keyOf(subject: Subject, atUs: number): SealKey {
    const { vault } = this.#options
    return subject instanceof Party ? subject.keyAt(vault, atUs) : vault.subjectKey(subject, atUs)
  }

  #ledgerKeyAt(atUs: number): SealKey {
    const known = this.#ledgerKey
    if (known !== undefined && known.fromUs <= atUs && atUs < known.toUs) return known
    this.#ledgerKey = this.#options.vault.ledgerKey(atUs)
    return this.#ledgerKey
  }

  /** An act: its facts, and who acted where a person did. */
  act(kind: Kind, facts: AnyActFacts, who?: Actant): Promise<Written> {
    const sections = [
      { name: 'who', value: who },
      { name: 'what', value: facts },
    ] as const
    return this.write({ kind, sections })
  }
}

/** A record on its way to the disk: one object, since closures cost more, twice an exchange. */
class Pending implements EntryWaiter {
  readonly #stamp: Stamp
  readonly #clock: RecordClock
  readonly #incarnation: number
  readonly #leafText: string
  readonly #newKeys: readonly SealKey[]
  readonly #waiter: RecordWaiter
  readonly #watcher: WriteWatcher | undefined
  #isPromised = false

  constructor(
    made: { readonly stamp: Stamp; readonly clock: RecordClock; readonly incarnation: number },
    { leafText, newKeys }: Composed,
    told: { readonly waiter: RecordWaiter; readonly watcher: WriteWatcher | undefined },
  ) {
    this.#stamp = made.stamp
    this.#clock = made.clock
    this.#incarnation = made.incarnation
    this.#leafText = leafText
    this.#newKeys = newKeys
    this.#waiter = told.waiter
    this.#watcher = told.watcher
  }

  promised(place: LeafIndex): void {
    this.#isPromised = true
    this.#waiter.promised?.(place, this.#leafText, this.#incarnation)
  }

  durable(index: LeafIndex): void {
    for (let at = 0; at < this.#newKeys.length; at++) this.#newKeys[at]?.markDurable()
    this.#clock.told(this.#stamp)
    this.#watcher?.wrote()
    this.#waiter.written(index, this.#leafText, this.#incarnation)
  }

  refused(cause: unknown): void {
    this.#waiter.failed(this.fault(cause))
  }

  /** Tells the watcher, and returns what the waiter is told. */
  fault(cause: unknown): unknown {
    const error = unwritten(cause)
    this.#watcher?.failed(error, this.#isPromised)
    return error
  }
}

/** A waiter that settles a promise. */
export function promised(
  resolve: (written: Written) => void,
  reject: (error: unknown) => void,
): RecordWaiter {
  return {
    written: (index, leafText, incarnation) => resolve({ index, leafText, incarnation }),
    failed: reject,
  }
}

/** The ledger's reasons, as far as callers of the recorder can tell them apart. */
function unwritten(cause: unknown): unknown {
  if (!(cause instanceof LedgerError)) return cause
  switch (cause.code) {
    case 'LEDGER_QUEUE_FULL':
    case 'LEDGER_BACKLOG':
    case 'LEDGER_INTENTS_FULL':
      return new RecorderError('RECORDER_OVERLOADED', 'too much waits for the ledger', { cause })
    case 'LEDGER_INTENT_CLOSED':
      return new RecorderError('RECORDER_INTENT_CLOSED', 'exchange has its end', { cause })
    case 'LEDGER_ENTRY_TOO_LARGE':
    case 'LEDGER_ENTRY_INVALID':
      return new RecorderError('RECORDER_TOO_LARGE', 'ledger refuses the entry', { cause })
    default:
      return new RecorderError('RECORDER_UNAVAILABLE', 'ledger cannot be written', { cause })
  }
}
