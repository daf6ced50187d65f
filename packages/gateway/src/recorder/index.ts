export { type Bodies, type BodySink, type CapturedBody, sealedFacts } from './bodies.ts'
export type { RecordKeeper } from './diary.ts'
export type {
  AskedTexts,
  DraftSubjects,
  IntentDraft,
  OutcomeDraft,
  OutcomeTexts,
  PersonalChoice,
  RefusalDraft,
} from './drafts.ts'
export { RecorderError, type RecorderErrorCode } from './error.ts'
export type { FoldDraft, OpenFold } from './folds.ts'
export { Identifiers } from './identifiers.ts'
export { ReceiptMaker, type ReceiptMakerOptions } from './receipt-maker.ts'
export {
  type ProvedRecord,
  type ReceiptAnswer,
  type ReceiptRequest,
  ReceiptService,
  type ReceiptServiceOptions,
} from './receipts.ts'
export type { RecordedLedger } from './record-writer.ts'
export { Recorded, type RecordedFacts } from './recorded.ts'
export { type RecordedAct, Recorder, type RecorderOptions } from './recorder.ts'
export { SectionText, sectionText } from './section-text.ts'
export { subjectOf } from './subject.ts'
export type { WindowBounds, Windows } from './windows.ts'
