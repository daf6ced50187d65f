export { type CaseResult, type CaseTable, caseTableSchema, runCases } from './case-table.ts'
export { parameterName, readParameters } from './path-pattern.ts'
export { type PolicyConfig, policyConfigSchema } from './policy-config.ts'
export { PolicyError, type PolicyErrorCode, type PolicyProblem } from './policy-error.ts'
export type { PolicyFile } from './policy-files.ts'
export { type Decision, PolicySet, type UncoveredPolicy } from './policy-set.ts'
export type { Named, Question } from './question.ts'
export {
  differencesOf,
  RECORDED_POLICIES_MAX,
  type Redecided,
  redecide,
} from './recorded-decision.ts'
export { type DecidedRecord, questionOf } from './recorded-question.ts'
export { METHODS, type Method, POLICY_SCHEMA } from './schema.ts'
export { type RecordedSet, readRecordedSet } from './set-records.ts'
