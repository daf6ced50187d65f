import {
  type JsonObject,
  parseTime,
  type What,
  type Where,
  type Who,
  type Why,
} from '@countersign/evidence'
import { readParameters } from './path-pattern.ts'
import { type Asker, ENTITY_TYPES, type Named, type Question } from './question.ts'
import { METHODS } from './schema.ts'

/** The sections of a record that hold what the policies saw. */
export interface DecidedRecord {
  readonly who: Who
  readonly where: Where
  readonly what: What
  readonly why: Why
}

/**
 * The question that a record tells of, from nothing but the record; undefined for one that holds
 * less than what a policy sees, because no policy was asked.
 */
export function questionOf({ who, where, what, why }: DecidedRecord): Question | undefined {
  const { facts = {} } = why
  const method = METHODS.find((known) => known === what.method)
  const { authority, path, route } = what
  const { time, upstream, credential, pattern } = facts
  if (method === undefined || authority === undefined) return undefined
  if (path === undefined || route === undefined) return undefined
  if (typeof time !== 'string' || typeof upstream !== 'string') return undefined
  const mfa = who.credential?.mfa
  return {
    principal: askerOf(who),
    action: method,
    resource: {
      route,
      upstream,
      host: authority.replace(/:\d+$/, ''),
      path,
      parameters: typeof pattern === 'string' ? readParameters(pattern, path) : {},
    },
    context: {
      timeUs: parseTime(time),
      address: where.address,
      tls: where.tls,
      operation: what.operation,
      credential: typeof credential === 'string' ? credential : 'none',
      mfaAtUs: mfa === undefined ? undefined : parseTime(mfa),
      headers: what.headers ?? {},
      grants: textsOf(facts, 'grants'),
      breakGlass: Object.hasOwn(facts, 'breakGlass'),
    },
  }
}

function askerOf({ principal, facts = {} }: Who): Asker {
  const { id, kind, issuer = '' } = principal
  return {
    id,
    kind: Object.hasOwn(ENTITY_TYPES, kind) ? kind : 'anonymous',
    issuer,
    groups: textsOf(facts, 'groups'),
    roles: textsOf(facts, 'roles'),
    scopes: textsOf(facts, 'scopes'),
    claims: listsOf(facts.claims),
  }
}

function textsOf(facts: JsonObject, name: string): readonly string[] {
  const value = facts[name]
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : []
}

function listsOf(value: JsonObject[string] | undefined): Named<readonly string[]> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return {}
  const lists = value as JsonObject
  return Object.fromEntries(Object.keys(lists).map((name) => [name, textsOf(lists, name)]))
}
