import { type Actant, formatUuid, type Progress, type Receipt } from '@countersign/evidence'
import type { LeafIndex } from '@countersign/tlog'
import type { Clock, Random } from '../../platform/index.ts'
import type { ExchangeRecorder } from '../../proxy/index.ts'
import {
  type FoldDraft,
  Identifiers,
  type IntentDraft,
  type OpenFold,
  type OutcomeDraft,
  ReceiptMaker,
  Recorded,
  type RecordedFacts,
  RecorderError,
  type RefusalDraft,
  sectionText,
  subjectOf,
} from '../../recorder/index.ts'
import type { Asker } from './asker.ts'
import type { Answer, AskedWords, IntentWords, SubjectWords } from './messages.ts'
import { faultIn } from './record-fault.ts'
import { subjectWords } from './subject-words.ts'
import type { Waiter } from './waiting.ts'
import { idsOf, workerBodies } from './worker-bodies.ts'

export interface WorkerRecorderOptions {
  readonly clock: Clock
  readonly random: Random
  readonly epoch: number
  readonly origin: string
  readonly asker: Asker
}

/**
 * The recorder of a worker: it makes the texts of the sections, and the gateway's recorder, which
 * alone has the keys and the order of the records, makes records of them.
 */
export class WorkerRecorder implements ExchangeRecorder {
  readonly #options: WorkerRecorderOptions
  readonly #identifiers: Identifiers
  readonly #receipts: TaggedReceipts

  constructor(options: WorkerRecorderOptions) {
    this.#options = options
    this.#identifiers = new Identifiers(options)
    this.#receipts = new TaggedReceipts(options)
    this.bodies = workerBodies(options.asker)
  }

  newExchange(): string {
    return formatUuid(this.#identifiers.next(this.#options.clock.nowUs()))
  }

  beginIntent(draft: IntentDraft, done: Done, failed: Failed): void {
    const { asker } = this.#options
    const { exchange = this.newExchange(), personal, isRelaxed = false } = draft
    const { party, actor, texts } = wordsOf(draft)
    const place = asker.place(this.#waiter({ exchange, isRelaxed }, done, failed))
    const bodies = idsOf(draft.bodies)
    asker.send(['intent', place, exchange, party, actor, personal, texts, isRelaxed, bodies])
  }

  beginOutcome(intent: Recorded, draft: OutcomeDraft, done: Done, failed: Failed): void {
    const { asker } = this.#options
    const words = intentWords(intent)
    const via = draft.via && sectionText('via', draft.via)
    const how = sectionText('how', draft.how)
    const place = asker.place(this.#waiter(intent, done, failed))
    asker.send(['outcome', place, words, via, how, idsOf(draft.bodies)])
  }

  refusal(draft: RefusalDraft): Promise<Recorded> {
    return new Promise((done, failed) => {
      const { asker } = this.#options
      const { exchange = this.newExchange(), personal } = draft
      const { party, actor, texts } = wordsOf(draft)
      const how = sectionText('how', draft.how)
      const place = asker.place(this.#waiter({ exchange, isRelaxed: false }, done, failed))
      const bodies = idsOf(draft.bodies)
      asker.send(['refusal', place, exchange, party, actor, personal, texts, how, bodies])
    })
  }

  async progress(intent: Recorded, how: Progress): Promise<void> {
    const words = intentWords(intent)
    const text = sectionText('how', how)
    settled(await this.#options.asker.ask((place) => ['progress', place, words, text]))
  }

  /** Acts are the gateway's own. */
  act(): Promise<never> {
    return Promise.reject(new RecorderError('RECORDER_STOPPED', 'a worker records no acts'))
  }

  /** A number for somebody takes a key that only the gateway has: it is put in place there. */
  actant({ issuer, id }: { readonly issuer: string; readonly id: string }): Actant {
    return { subject: JSON.stringify([issuer, id]) }
  }

  readonly folds = {
    open: async (draft: FoldDraft, about: { readonly index: number } | undefined) => {
      const { key, ...rest } = draft
      const words = key === undefined ? undefined : (JSON.parse(key) as SubjectWords)
      const answer = await this.#options.asker.ask((place) => [
        'fold',
        place,
        rest,
        words,
        about?.index,
      ])
      if (answer[0] !== 'recorded') throw faultIn(answer)
      const [, , index] = answer
      return { index: index as LeafIndex, incarnation: 0, draft }
    },
    tally: (fold: OpenFold, counted: Counted) => this.#count(fold, 'tally', counted),
    close: (fold: OpenFold, counted: Counted) => this.#count(fold, 'close', counted),
  }

  readonly bodies: ExchangeRecorder['bodies']
  /** What may be acted on before it is durable the gateway counts, for all workers. */
  readonly windows = { use: () => undefined }

  async #count({ index }: OpenFold, act: 'tally' | 'close', { count, until }: Counted) {
    const { asker } = this.#options
    settled(await asker.ask((place) => ['count', place, index, act, count, until]))
  }

  #waiter(
    { exchange, isRelaxed }: Omit<RecordOf, 'epoch'>,
    done: Done,
    failed: Failed,
  ): Waiter<Answer> {
    const of = { epoch: this.#options.epoch, exchange, isRelaxed }
    return new RecordWaiter(of, this.#receipts, { done, failed })
  }
}

type Done = (recorded: Recorded) => void
type Failed = (error: unknown) => void

/** Whoever waits for a record, and of which exchange it is. */
class RecordWaiter implements Waiter<Answer> {
  readonly #of: RecordOf
  readonly #receipts: TaggedReceipts
  readonly #done: Done
  readonly #failed: Failed

  constructor(
    of: RecordOf,
    receipts: TaggedReceipts,
    { done, failed }: { readonly done: Done; readonly failed: Failed },
  ) {
    this.#of = of
    this.#receipts = receipts
    this.#done = done
    this.#failed = failed
  }

  answered(answer: Answer): void {
    if (answer[0] === 'recorded') this.#done(recordedIn(answer, this.#of, this.#receipts))
    else this.#failed(faultIn(answer))
  }
}

interface RecordOf {
  readonly epoch: number
  readonly exchange: string
  readonly isRelaxed: boolean
}

function recordedIn(
  answer: Extract<Answer, readonly ['recorded', ...unknown[]]>,
  { epoch, exchange, isRelaxed }: RecordOf,
  receipts: TaggedReceipts,
): Recorded {
  const [, , index, leafText, tag, slot, isDurable] = answer
  const facts = {
    epoch,
    index: index as LeafIndex,
    leafText,
    exchange,
    incarnation: 0,
    howSubject: undefined,
    isRelaxed,
  }
  const recorded = new TaggedRecorded(facts, receipts, { tag, slot })
  // When it comes to be durable it is not told again: its caller gets the receipt later.
  recorded.isDurable = isDurable
  return recorded
}

type Counted = Parameters<ExchangeRecorder['folds']['tally']>[1]

/** Makes receipts of tags that somebody else has made, one at a time. */
class TaggedReceipts {
  readonly maker: ReceiptMaker
  #tag = ''

  constructor({ epoch, origin }: { readonly epoch: number; readonly origin: string }) {
    this.maker = new ReceiptMaker({ epoch, origin, tag: () => this.#tag })
  }

  with(tag: string): ReceiptMaker {
    this.#tag = tag
    return this.maker
  }
}

/** A record whose receipt is opened by what came with it. */
class TaggedRecorded extends Recorded {
  readonly #tagged: TaggedReceipts
  readonly #tag: string
  /** Among those that the worker has open. */
  readonly slot: number

  constructor(
    facts: RecordedFacts,
    tagged: TaggedReceipts,
    { tag, slot }: { readonly tag: string; readonly slot: number },
  ) {
    super(facts, tagged.maker)
    this.#tagged = tagged
    this.#tag = tag
    this.slot = slot
  }

  override get receipt(): Receipt {
    return this.#tagged.with(this.#tag).receipt(this.index, this.leafText)
  }

  override get receiptField(): string {
    return this.#tagged.with(this.#tag).field(this.index, this.leafText)
  }

  override get pendingField(): string {
    return this.#tagged.with(this.#tag).pendingField(this.exchange)
  }
}

function intentWords(intent: Recorded): IntentWords {
  if (!(intent instanceof TaggedRecorded)) throw new Error('the intent is none of this worker')
  return [intent.index, intent.slot]
}

function settled(answer: Answer): void {
  if (answer[0] === 'refused') throw faultIn(answer)
}

/** The texts of a request's sections, and whose they are. */
function wordsOf({ who, actor, where, what, why }: IntentDraft | RefusalDraft): {
  readonly party: SubjectWords
  readonly actor: SubjectWords | undefined
  readonly texts: AskedWords
} {
  const texts = [
    who && sectionText('who', who),
    actor && sectionText('actor', actor),
    sectionText('where', where),
    what && sectionText('what', what),
    sectionText('why', why),
  ]
  const party = subjectWords(subjectOf(who, where))
  return { party, actor: actor && subjectWords(subjectOf(actor, where)), texts }
}
