import type { Claims } from '../principal.ts'
import { isMembers, type Members, member } from './members.ts'

/** Where values come from, and what they are called here. */
export interface ValueSource {
  /** A claim's name, or a JSON pointer (RFC 6901) to a value inside one. */
  readonly claim: string
  /** With it, only values that it lists are taken, under the names that it gives them. */
  readonly values?: Readonly<Record<string, string>> | undefined
}

export interface ClaimMapping {
  readonly groups: readonly ValueSource[]
  readonly roles: readonly ValueSource[]
  /** Claims that policies may see, by the name that they have there. */
  readonly claims: Readonly<Record<string, string>>
}

export interface MappedClaims {
  readonly groups: readonly string[]
  readonly roles: readonly string[]
  readonly claims: Claims
}

/** More values, or longer ones, make the token unusable: half of a list could permit too much. */
const VALUES_MAX = 200
const VALUE_LENGTH_MAX = 200

const NOTHING: readonly string[] = []

/** Takes what the configuration asks for; undefined where a claim has no form that can be taken. */
export function mapClaims(
  payload: Members,
  scopes: { readonly claim: string; readonly words: readonly string[] },
  mapping: ClaimMapping,
): MappedClaims | undefined {
  const valuesOf = (claim: string): readonly string[] | undefined =>
    claim === scopes.claim ? scopes.words : textsOf(pointedAt(payload, claim))
  const groups = gather(mapping.groups, valuesOf)
  const roles = gather(mapping.roles, valuesOf)
  const claims: Record<string, readonly string[]> = {}
  for (const [name, claim] of Object.entries(mapping.claims)) {
    const values = valuesOf(claim)
    if (values === undefined) return undefined
    if (values.length > 0) claims[name] = values
  }
  return groups === undefined || roles === undefined ? undefined : { groups, roles, claims }
}

function gather(
  sources: readonly ValueSource[],
  valuesOf: (claim: string) => readonly string[] | undefined,
): readonly string[] | undefined {
  const found = new Set<string>()
  for (const { claim, values: names } of sources) {
    const values = valuesOf(claim)
    if (values === undefined) return undefined
    for (const value of values) {
      if (names === undefined) found.add(value)
      else if (Object.hasOwn(names, value)) found.add(names[value] ?? value)
    }
  }
  return [...found]
}

/**
 * Texts and lists of texts; numbers and truth values as JSON writes them. Beyond the integers that
 * a double tells apart, one number is read as another: two tenants would be one.
 */
function textsOf(value: unknown): readonly string[] | undefined {
  if (value === undefined || value === null) return NOTHING
  const list: readonly unknown[] = Array.isArray(value) ? value : [value]
  if (list.length > VALUES_MAX) return undefined
  const texts: string[] = []
  for (const item of list) {
    if (typeof item === 'number' && Math.abs(item) > Number.MAX_SAFE_INTEGER) return undefined
    const text = typeof item === 'number' || typeof item === 'boolean' ? String(item) : item
    if (typeof text !== 'string' || text.length > VALUE_LENGTH_MAX) return undefined
    texts.push(text)
  }
  return texts
}

function pointedAt(payload: Members, claim: string): unknown {
  if (!claim.startsWith('/')) return member(payload, claim)
  let value: unknown = payload
  for (const step of claim.slice(1).split('/')) {
    if (!isMembers(value)) return undefined
    value = member(value, step.replaceAll('~1', '/').replaceAll('~0', '~'))
  }
  return value
}
