import type { Recorder } from '../recorder/index.ts'

export type {
  FoldDraft,
  IntentDraft,
  OpenFold,
  OutcomeDraft,
  Recorded,
  RefusalDraft,
} from '../recorder/index.ts'

/**
 * What the proxy needs of the recorder: each call resolves when the record is durable, and each
 * rejection means that it is not known to be. The recorder counts what it could not write and owes
 * the ends that it could not; both follow when writing resumes.
 */
export type ExchangeRecorder = Pick<
  Recorder,
  'newExchange' | 'intent' | 'progress' | 'outcome' | 'refusal' | 'act' | 'actant'
> & { readonly folds: Pick<Recorder['folds'], 'open' | 'tally' | 'close'> }
