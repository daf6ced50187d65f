export { parseAddress } from './address.ts'
export type { Environment } from './environment.ts'
export { readValue } from './literal.ts'
export { compilePolicy } from './policy.ts'
export { type Outcome, type Rule, RuleBook } from './rule-book.ts'
export { UncoveredError } from './uncovered.ts'
export {
  type Attributes,
  type Entity,
  EntityUid,
  Extension,
  entityKey,
  NO_ANCESTORS,
  NOTHING,
  SetValue,
  type Value,
} from './values.ts'
