import type { Attributes, Entity, EntityUid, Value } from './values.ts'

/** What a compiled policy is asked about. */
export interface Environment {
  readonly principal: EntityUid
  readonly action: EntityUid
  readonly resource: EntityUid
  readonly context: Attributes
  /** The entities that `principal` and `resource` name. */
  readonly principalEntity: Entity | undefined
  readonly resourceEntity: Entity | undefined
  /** The entity of this key, where it exists. */
  entity(key: string): Entity | undefined
}

/** A compiled expression; throws EvaluationError. */
export type Evaluate = (environment: Environment) => Value

/** A compiled condition; throws EvaluationError. */
export type Test = (environment: Environment) => boolean

/** Whether `key` is `other` or in it. What does not exist is in nothing but itself. */
export function isIn(environment: Environment, key: string, other: string): boolean {
  return key === other || (environment.entity(key)?.ancestors.has(other) ?? false)
}
