export type { IntentDraft, OutcomeDraft, PersonalChoice, RefusalDraft } from './drafts.ts'
export type { RecorderErrorCode } from './error.ts'
export {
  type ProvedRecord,
  type ReceiptAnswer,
  type ReceiptRequest,
  ReceiptService,
  type ReceiptServiceOptions,
} from './receipts.ts'
export { Recorded } from './recorded.ts'
export { type RecordedAct, Recorder, type RecorderOptions } from './recorder.ts'
