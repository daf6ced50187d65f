import {
  type Attributes,
  type Entity,
  EntityUid,
  entityKey,
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

const known = new WeakMap<Asker, KnownAsker>()
/** A question asks for its own twice in a row. */
let last: { readonly asker: Asker; readonly made: KnownAsker } | undefined

export function knownAsker(asker: Asker): KnownAsker {
  if (last?.asker === asker) return last.made
  let made = known.get(asker)
  if (made === undefined) {
    made = make(asker)
    known.set(asker, made)
  }
  last = { asker, made }
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
      ancestors: new Set([
        ...groups.map((group) => entityKey('Group', group)),
        ...roles.map((role) => entityKey('Role', role)),
      ]),
    },
    scopes: new SetValue(scopes),
  }
}

export function setsOf(lists: Named<readonly string[]>): Attributes {
  return new Map(Object.entries(lists).map(([name, values]) => [name, new SetValue(values)]))
}
