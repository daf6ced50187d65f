export { RETRY_MS } from './diary.ts'
export type { IntentDraft, OutcomeDraft, PersonalChoice, RefusalDraft } from './drafts.ts'
export { RecorderError, type RecorderErrorCode } from './error.ts'
export {
  type ProvedRecord,
  type ReceiptAnswer,
  type ReceiptRequest,
  ReceiptService,
  type ReceiptServiceOptions,
} from './receipts.ts'
export { CLOCK_LEAP_MS_MAX } from './record-clock.ts'
export { Recorded } from './recorded.ts'
export { HEARTBEAT_MS, type RecordedAct, Recorder, type RecorderOptions } from './recorder.ts'
