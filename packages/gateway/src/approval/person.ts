import { z } from 'zod'

/** Somebody who was identified, as far as approvals need to know them. */
export interface Person {
  readonly issuer: string
  readonly id: string
  readonly groups: readonly string[]
  readonly roles: readonly string[]
}

const name = z.string().min(1).max(200)
const issuer = name.default('keys').describe('who says so; `keys` is the keys file')

/** Whom a list of the configuration names. A name means nothing without who gave it. */
export const membersSchema = z
  .array(
    z.union([
      z.strictObject({ principal: name, issuer }),
      z.strictObject({ group: name, issuer }),
      z.strictObject({ role: name, issuer }),
    ]),
  )
  .max(1000)

export type Members = z.infer<typeof membersSchema>

/** Says whether one of the members names this person. */
export function isAmong(members: Members, person: Person): boolean {
  return members.some((member) => {
    if (member.issuer !== person.issuer) return false
    if ('principal' in member) return member.principal === person.id
    if ('group' in member) return person.groups.includes(member.group)
    return person.roles.includes(member.role)
  })
}

/** One person has one key; the separator is in no issuer. */
export function personKey({ issuer, id }: Pick<Person, 'issuer' | 'id'>): string {
  return `${issuer}\0${id}`
}

/**
 * Whether two names may be one person's: policies see `User::"ada"` whoever says so, and somebody
 * with two credentials is not somebody else.
 */
export function mayBeSame(one: Pick<Person, 'id'>, other: Pick<Person, 'id'>): boolean {
  return one.id === other.id
}

export const whoSchema = z.strictObject({ issuer: z.string(), id: z.string().min(1) })
export const placeSchema = z.strictObject({ epoch: z.int().min(0), index: z.int().min(0) })
