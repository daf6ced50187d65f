import type { Actor, How, Via, What, Where, Who, Why } from '@countersign/evidence'
import type { Subject } from '../vault/index.ts'
import type { CapturedBody } from './bodies.ts'
import type { SectionText } from './section-text.ts'

/** Sections that a route may put under the person's key; the others' keys are fixed. */
export type PersonalChoice = 'what' | 'how'

/** What is recorded before a request is forwarded. */
export interface IntentDraft {
  /** Its records may be acted on before they are durable, under a window that is. */
  readonly isRelaxed?: boolean | undefined
  /** From `newExchange`; without it one is made. */
  readonly exchange?: string | undefined
  /** Somebody whose identity was verified; an unverified claim is anonymous. */
  readonly who: Who
  readonly actor?: Actor | undefined
  readonly where: Where
  readonly what: What
  readonly why: Why | SectionText
  readonly personal?: readonly PersonalChoice[] | undefined
  /** Captured bodies that it names: on the disk already. */
  readonly bodies?: readonly CapturedBody[] | undefined
}

/** What is recorded before a response is released. */
export interface OutcomeDraft {
  readonly via?: Via | undefined
  readonly how: How
  readonly bodies?: readonly CapturedBody[] | undefined
}

/** A request that is not forwarded, whole in one record. */
export interface RefusalDraft {
  readonly exchange?: string | undefined
  readonly who?: Who | undefined
  readonly actor?: Actor | undefined
  readonly where: Where
  readonly what?: What | undefined
  readonly why: Why
  readonly how: How
  readonly personal?: readonly PersonalChoice[] | undefined
  /** Captured bodies that it names: on the disk already. */
  readonly bodies?: readonly CapturedBody[] | undefined
}

/** Whose keys the personal sections of a request go under. */
export interface DraftSubjects {
  readonly party: Subject
  readonly actor: Subject | undefined
}

type Texts<Names extends string> = { readonly [name in Names]: SectionText | undefined }

/** An intent or a refusal whose sections were made elsewhere. */
export interface AskedTexts extends Texts<'who' | 'actor' | 'where' | 'what' | 'why'> {
  readonly exchange: string
  readonly subjects: DraftSubjects
  readonly personal: readonly PersonalChoice[] | undefined
  readonly isRelaxed?: boolean | undefined
  readonly bodies?: readonly CapturedBody[] | undefined
}

/** An outcome whose sections may have been made elsewhere. */
export interface OutcomeTexts extends Pick<OutcomeDraft, 'bodies'> {
  readonly via?: Via | SectionText | undefined
  readonly how: How | SectionText
}
