import { formatTime } from '@countersign/evidence'
import type { Clock } from '../../platform/index.ts'
import {
  type AskedTexts,
  type OpenFold,
  type Recorded,
  type Recorder,
  RecorderError,
  SectionText,
} from '../../recorder/index.ts'
import type { BodyDesk } from './body-desk.ts'
import type { Answer, AskedWords, IntentWords, SubjectWords } from './messages.ts'
import { assertRecordRow, type RecordAsking } from './record-rows.ts'
import { NO_SLOT, Slots } from './slots.ts'
import { subjectIn } from './subject-words.ts'

/** How soon ends that could not be written are tried again. */
const RETRY_MS = 1000

export interface RecordDeskOptions {
  readonly recorder: Recorder
  readonly clock: Clock
  readonly epoch: number
  readonly worker: number
  /** Has what records name of bodies. */
  readonly bodies: Pick<BodyDesk, 'named'>
  readonly answer: (row: Answer) => void
}

/**
 * What one worker, in one life, has recorded here: its records are made of its texts, and what it
 * leaves open when it dies is ended.
 */
export class RecordDesk {
  readonly #options: RecordDeskOptions
  readonly #intents = new Slots<Recorded>()
  readonly #folds = new Map<number, OpenFold>()
  #underWay = 0
  #whenIdle: (() => void) | undefined
  #interrupted = 0

  constructor(options: RecordDeskOptions) {
    this.#options = options
  }

  /** Throws what makes no sense, whatever the ledger says of the rest. */
  take(row: RecordAsking): void {
    assertRecordRow(row)
    this.#underWay += 1
    const failed = (error: unknown): void => {
      this.#refuse(row[1], error)
      this.#over()
    }
    try {
      this.#take(row, failed)
    } catch (error) {
      failed(error)
    }
  }

  #over(): void {
    this.#underWay -= 1
    if (this.#underWay === 0) this.#whenIdle?.()
  }

  /**
   * Ends what a worker has left open that is no more. Resolves when nothing of it is open: it is
   * on record, or another life of the ledger has ended it; with how many exchanges it was here. A
   * gateway that stops does not wait for a ledger that cannot be written.
   */
  async endAll(cause: string, isStopping: () => boolean): Promise<number> {
    await this.#idle()
    let isTold = false
    for (;;) {
      this.#forgetFormer()
      if (isTold && this.#intents.size + this.#folds.size === 0) return this.#interrupted
      try {
        if (!isTold) await this.#tellLoss(cause)
        isTold = true
        await this.#endOpen()
        return this.#interrupted
      } catch (error) {
        if (!(error instanceof RecorderError)) throw error
        if (isStopping()) return this.#interrupted
      }
      const former = this.#options.recorder.incarnation
      await new Promise<void>((resolve) => void this.#options.clock.after(RETRY_MS, resolve))
      // What an earlier life of the ledger told is nothing to this one, which ends all of it.
      if (this.#options.recorder.incarnation !== former) isTold = false
    }
  }

  /** Whatever was asked for is on record, or will not be. */
  #idle(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#underWay === 0) resolve()
      else this.#whenIdle = resolve
    })
  }

  /** Calls `#over` when it is done. What every request has takes no promise. */
  #take(row: RecordAsking, failed: (error: unknown) => void): void {
    if (row[0] === 'intent') this.#intent(row, failed)
    else if (row[0] === 'outcome') this.#outcome(row, failed)
    else this.#rest(row).then(() => this.#over(), failed)
  }

  #rest(row: Exclude<RecordAsking, readonly ['intent' | 'outcome', ...unknown[]]>): Promise<void> {
    if (row[0] === 'refusal') return this.#refusal(row)
    if (row[0] === 'progress') return this.#progress(row)
    return row[0] === 'fold' ? this.#fold(row) : this.#count(row)
  }

  #intent(
    row: Extract<RecordAsking, readonly ['intent', ...unknown[]]>,
    failed: (error: unknown) => void,
  ): void {
    const [, place, exchange, party, actor, personal, texts, isRelaxed, ids] = row
    const bodies = this.#options.bodies.named(ids)
    const draft = { ...draftOf(exchange, party, actor, personal, texts), isRelaxed, bodies }
    const done = (recorded: Recorded): void => {
      this.#tell(place, recorded, this.#intents.add(recorded))
      this.#over()
    }
    this.#options.recorder.beginIntent(draft, done, failed)
  }

  async #refusal(row: Extract<RecordAsking, readonly ['refusal', ...unknown[]]>): Promise<void> {
    const [, place, exchange, party, actor, personal, texts, how, ids] = row
    const draft = draftOf(exchange, party, actor, personal, texts)
    const bodies = this.#options.bodies.named(ids)
    const whole = { ...draft, how: new SectionText(how), bodies }
    this.#tell(place, await this.#options.recorder.refusal(whole))
  }

  #outcome(
    row: Extract<RecordAsking, readonly ['outcome', ...unknown[]]>,
    failed: (error: unknown) => void,
  ): void {
    const [, place, at, via, how, ids] = row
    const intent = this.#intentAt(at)
    const bodies = this.#options.bodies.named(ids)
    const draft = { via: textOf(via), how: new SectionText(how), bodies }
    // Whatever comes of it: what cannot be written now the recorder owes.
    this.#intents.remove(at[1])
    const done = (recorded: Recorded): void => {
      this.#tell(place, recorded)
      this.#over()
    }
    this.#options.recorder.beginOutcome(intent, draft, done, failed)
  }

  async #progress([, place, at, how]: Extract<
    RecordAsking,
    readonly ['progress', ...unknown[]]
  >): Promise<void> {
    await this.#options.recorder.progress(this.#intentAt(at), new SectionText(how))
    this.#options.answer(['done', place])
  }

  async #fold([, place, rest, words, about]: Extract<
    RecordAsking,
    readonly ['fold', ...unknown[]]
  >): Promise<void> {
    const { recorder, epoch } = this.#options
    const key = words && recorder.actant({ issuer: words[0] ?? '', id: words[1] }).subject
    const draft = key === undefined ? rest : { ...rest, key }
    const whole = about === undefined ? undefined : { epoch, index: about }
    const fold = await recorder.folds.open(draft, whole)
    this.#folds.set(fold.index, fold)
    this.#options.answer(['recorded', place, fold.index, '', '', NO_SLOT, true])
  }

  async #count([, place, index, act, count, until]: Extract<
    RecordAsking,
    readonly ['count', ...unknown[]]
  >): Promise<void> {
    const fold = this.#folds.get(index)
    if (fold === undefined) throw new RecorderError('RECORDER_INTENT_CLOSED', 'fold has its end')
    const { folds, incarnation } = this.#options.recorder
    // An earlier life of the ledger's: the present one has ended it, and says so.
    if (fold.incarnation !== incarnation) this.#folds.delete(index)
    await folds[act](fold, { count, until })
    if (act === 'close') this.#folds.delete(index)
    this.#options.answer(['done', place])
  }

  #intentAt([index, slot]: IntentWords): Recorded {
    const intent = this.#intents.at(slot)
    if (intent?.index === index) return intent
    throw new RecorderError('RECORDER_INTENT_CLOSED', 'the exchange has its end')
  }

  #tell(place: number, recorded: Recorded, slot = NO_SLOT): void {
    const { index, leafText, isDurable } = recorded
    const tag = isDurable ? recorded.receiptTag : recorded.pendingTag
    this.#options.answer(['recorded', place, index, leafText, tag, slot, isDurable])
  }

  #refuse(place: number, error: unknown): void {
    const isOurs = error instanceof RecorderError
    const code = isOurs ? error.code : 'RECORDER_UNAVAILABLE'
    this.#options.answer(['refused', place, code, String(error)])
  }

  /** What an earlier life of the ledger left open the present one has ended, or will. */
  #forgetFormer(): void {
    const { incarnation } = this.#options.recorder
    for (const [slot, each] of this.#intents.entries()) {
      if (each.incarnation !== incarnation) this.#intents.remove(slot)
    }
    for (const [index, each] of this.#folds) {
      if (each.incarnation !== incarnation) this.#folds.delete(index)
    }
  }

  async #tellLoss(cause: string): Promise<void> {
    const { recorder, worker } = this.#options
    const counts = { interrupted: this.#intents.size, folds: this.#folds.size }
    await recorder.act('system', { act: 'worker-lost', worker, cause, ...counts })
  }

  async #endOpen(): Promise<void> {
    const { recorder, clock } = this.#options
    const until = formatTime(clock.nowUs())
    const ends = [
      ...[...this.#intents.entries()].map(async ([slot, intent]) => {
        await unlessEnded(recorder.interrupt(intent))
        this.#intents.remove(slot)
        this.#interrupted += 1
      }),
      ...[...this.#folds].map(async ([index, fold]) => {
        await unlessEnded(recorder.folds.interrupt(fold, until))
        this.#folds.delete(index)
      }),
    ]
    const failed = (await Promise.allSettled(ends)).find(({ status }) => status === 'rejected')
    if (failed?.status === 'rejected') throw failed.reason
  }
}

async function unlessEnded(end: Promise<unknown>): Promise<void> {
  try {
    await end
  } catch (error) {
    if (!(error instanceof RecorderError) || error.code !== 'RECORDER_INTENT_CLOSED') throw error
  }
}

function draftOf(
  exchange: string,
  party: SubjectWords,
  actor: SubjectWords | undefined,
  personal: AskedTexts['personal'],
  [who, ofActor, where, what, why]: AskedWords,
): AskedTexts {
  return {
    exchange,
    subjects: { party: subjectIn(party), actor: actor && subjectIn(actor) },
    personal,
    who: textOf(who),
    actor: textOf(ofActor),
    where: textOf(where),
    what: textOf(what),
    why: textOf(why),
  }
}

function textOf(text: string | undefined): SectionText | undefined {
  return text === undefined ? undefined : new SectionText(text)
}
