import type { Recorder } from '../recorder/index.ts'

export {
  type BodySink,
  type CapturedBody,
  type FoldDraft,
  type IntentDraft,
  type OpenFold,
  type OutcomeDraft,
  type Recorded,
  type RefusalDraft,
  sealedFacts,
  type WindowBounds,
} from '../recorder/index.ts'

/**
 * What the proxy needs of the recorder: each call resolves when the record is durable, or promised
 * its place where the route is relaxed; each rejection means that it is not known to be. What is on
 * the way of every request calls back in place of that, later and once. The
 * recorder counts what it could not write and owes the ends that it could not; both follow when
 * writing resumes.
 */
export type ExchangeRecorder = Pick<
  Recorder,
  'newExchange' | 'beginIntent' | 'progress' | 'beginOutcome' | 'refusal' | 'act' | 'actant'
> & {
  readonly folds: Pick<Recorder['folds'], 'open' | 'tally' | 'close'>
  readonly bodies: Pick<Recorder['bodies'], 'begin' | 'forget'>
  readonly windows: Pick<Recorder['windows'], 'use'>
}
