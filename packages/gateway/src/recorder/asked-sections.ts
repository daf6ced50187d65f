import type { Subject } from '../vault/index.ts'
import type {
  AskedTexts,
  DraftSubjects,
  IntentDraft,
  PersonalChoice,
  RefusalDraft,
} from './drafts.ts'
import type { PlannedSection } from './record-writer.ts'
import { subjectOf } from './subject.ts'

type Asked = IntentDraft | RefusalDraft | AskedTexts

export interface AskedSections {
  readonly sections: readonly PlannedSection[]
  /** Whose key the `how` of the same exchange is sealed with. */
  readonly howSubject: Subject | undefined
}

/** The sections of a request, each with its key. */
export function askedSections(draft: Asked): AskedSections {
  const { who, actor, where, what, why, personal } = draft
  const { party: subject, actor: ofActor } = subjectsOf(draft)
  const ofRoute = (name: PersonalChoice) => (personal?.includes(name) ? subject : undefined)
  const sections: readonly PlannedSection[] = [
    { name: 'who', value: who, subject },
    { name: 'actor', value: actor, subject: ofActor },
    { name: 'where', value: where, subject },
    { name: 'what', value: what, subject: ofRoute('what') },
    { name: 'why', value: why },
  ]
  return { sections, howSubject: ofRoute('how') }
}

function subjectsOf(draft: Asked): DraftSubjects {
  if ('subjects' in draft) return draft.subjects
  const { who, actor, where } = draft
  return { party: subjectOf(who, where), actor: actor && subjectOf(actor, where) }
}
