import {
  type Attributes,
  type Entity,
  EntityUid,
  entityKey,
  NO_ANCESTORS,
  SetValue,
  type Value,
} from './compiler/index.ts'
import { type Asker, ENTITY_TYPES, type Named } from './question.ts'

/** What is made of an identity once, not once a request. */
export interface KnownAsker {
  /** In the text that the digest of a question is of. */
  readonly text: string
  readonly uid: EntityUid
  readonly entity: Entity
  readonly scopes: SetValue
}

/** A WeakMap would be looked up in memory of its own, which is far away with every other caller. */
const KNOWN = Symbol('known')

/** Kept with the asker, and hidden from whoever copies it. */
export function knownAsker(asker: Asker & { readonly [KNOWN]?: KnownAsker }): KnownAsker {
  const known = asker[KNOWN]
  if (known !== undefined) return known
  const made = make(asker)
  if (Object.isExtensible(asker)) Object.defineProperty(asker, KNOWN, { value: made })
  return made
}

function make({ id, kind, issuer, groups, roles, scopes, claims }: Asker): KnownAsker {
  return {
    text: JSON.stringify([kind, id, issuer, groups, roles, scopes, Object.entries(claims)]),
    uid: new EntityUid(ENTITY_TYPES[kind], id),
    entity: {
      attributes: new Map<string, Value>([
        ['kind', kind],
        ['issuer', issuer],
        ['groups', new SetValue(groups)],
        ['roles', new SetValue(roles)],
      ]),
      tags: setsOf(claims),
      ancestors: ancestorsOf(groups, roles),
    },
    scopes: new SetValue(scopes),
  }
}

function ancestorsOf(groups: readonly string[], roles: readonly string[]): Entity['ancestors'] {
  if (groups.length + roles.length === 0) return NO_ANCESTORS
  return new Set([
    ...groups.map((group) => entityKey('Group', group)),
    ...roles.map((role) => entityKey('Role', role)),
  ])
}

export function setsOf(lists: Named<readonly string[]>): Attributes {
  return new Map(Object.entries(lists).map(([name, values]) => [name, new SetValue(values)]))
}
