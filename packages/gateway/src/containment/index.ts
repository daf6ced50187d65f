export {
  type Contained,
  Containment,
  type ContainmentOptions,
  type ContainmentOrder,
  type ContainmentRecorder,
  MEASURE_MS_MAX,
} from './containment.ts'
export { ContainmentError, type ContainmentErrorCode } from './containment-error.ts'
export { type Measure, parseMeasures, type Someone } from './measure.ts'
export type { ContainedFacts } from './measure-index.ts'
export { type ContainmentStore, fileStore } from './store.ts'
export { type Target, targetSchema } from './target.ts'
