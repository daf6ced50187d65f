import type {
  ActionConstraint,
  EntityUidJson,
  PolicyJson,
  PrincipalConstraint,
  ResourceConstraint,
} from '@cedar-policy/cedar-wasm/nodejs'
import { type Environment, isIn, type Test } from './environment.ts'
import { compileTest } from './expression.ts'
import { uncovered } from './uncovered.ts'
import { entityKey } from './values.ts'

/** A policy as closures, in the two steps in which it is asked. */
export interface CompiledPolicy {
  readonly principal: Scope
  readonly action: Scope
  readonly resource: Scope
  /** Every `when` and no `unless`, once the scopes fit; throws EvaluationError. */
  readonly isMet: Test
}

/** What a policy says of the principal, the action or the resource in its head. */
export interface Scope {
  /** The entity must be one of these, or in one; undefined: any. */
  readonly within: readonly string[] | undefined
  /** It must be exactly the one in `within`. */
  readonly isExact: boolean
  /** It must be of this type. */
  readonly type: string | undefined
}

const ANY: Scope = { within: undefined, isExact: false, type: undefined }

/** Throws UncoveredError for what only the engine can evaluate. */
export function compilePolicy(policy: PolicyJson): CompiledPolicy {
  const conditions = policy.conditions.map(({ kind, body }): Test => {
    const test = compileTest(body)
    return kind === 'when' ? test : (environment) => !test(environment)
  })
  return {
    principal: compileScope(policy.principal),
    action: compileScope(policy.action),
    resource: compileScope(policy.resource),
    isMet: every(conditions),
  }
}

/** Whether an entity fits. A scope never fails. */
export function fits(
  { within, isExact, type }: Scope,
  variable: 'principal' | 'action' | 'resource',
  environment: Environment,
): boolean {
  const entity = environment[variable]
  if (type !== undefined && entity.type !== type) return false
  if (within === undefined) return true
  if (isExact) return within[0] === entity.key
  return within.some((other) => isIn(environment, entity.key, other))
}

function every(tests: readonly Test[]): Test {
  const [first, second] = tests
  if (first === undefined) return () => true
  if (second === undefined) return first
  return (environment) => tests.every((test) => test(environment))
}

function compileScope(scope: PrincipalConstraint | ActionConstraint | ResourceConstraint): Scope {
  switch (scope.op) {
    case 'All':
      return ANY
    case '==':
      return { ...ANY, within: [keyOfScope(scope)], isExact: true }
    case 'in':
      if ('entities' in scope) return { ...ANY, within: scope.entities.map(keyOfUid) }
      return { ...ANY, within: [keyOfScope(scope)] }
    case 'is':
      return {
        ...ANY,
        type: scope.entity_type,
        within: scope.in === undefined ? undefined : [keyOfScope(scope.in)],
      }
  }
}

function keyOfScope(scope: { readonly entity: EntityUidJson } | { readonly slot: string }): string {
  return 'slot' in scope ? uncovered('a template') : keyOfUid(scope.entity)
}

function keyOfUid(json: EntityUidJson): string {
  const { type, id } = '__entity' in json ? json.__entity : json
  return entityKey(type, id)
}
