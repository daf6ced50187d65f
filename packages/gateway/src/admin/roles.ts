import { z } from 'zod'
import type { Principal } from '../identity/index.ts'

/** What somebody may be to the control plane. Each of them may look. */
export const ROLES = ['viewer', 'operator', 'approver'] as const
export type Role = (typeof ROLES)[number]

const NAME_LENGTH_MAX = 200
const MEMBERS_MAX = 1000

const name = z.string().min(1).max(NAME_LENGTH_MAX)
// A name means nothing without who gave it: another issuer may call somebody else the same.
const issuer = name.default('keys').describe('who says so; `keys` is the keys file')
const member = z.union([
  z.strictObject({ principal: name, issuer }),
  z.strictObject({ group: name, issuer }),
  z.strictObject({ role: name, issuer }),
])
const members = z.array(member).max(MEMBERS_MAX).default([])

/** The section `admin.roles`: who may do what at the control plane. Nobody, unless it says so. */
export const rolesSchema = z.strictObject({
  viewer: members.describe('may look'),
  operator: members.describe('may look, reload and contain'),
  approver: members.describe('may look, and decide on what others ask for'),
})

export type AdminRoles = z.infer<typeof rolesSchema>

/** The roles that configuration gives to somebody who was identified. */
export function rolesOf(principal: Principal, configured: AdminRoles): ReadonlySet<Role> {
  if (principal.kind === 'anonymous') return new Set()
  return new Set(ROLES.filter((role) => configured[role].some((each) => names(each, principal))))
}

function names(member: AdminRoles[Role][number], principal: Principal): boolean {
  if (member.issuer !== principal.issuer) return false
  if ('principal' in member) return member.principal === principal.id
  if ('group' in member) return principal.groups.includes(member.group)
  return principal.roles.includes(member.role)
}
