import type { Claims, Principal } from '../principal.ts'
import type { LoginConfig } from './login-config.ts'
import { LoginFault } from './provider.ts'

const SUBJECT_LENGTH_MAX = 255
const VALUES_MAX = 256
const VALUE_LENGTH_MAX = 256
const SECOND_US = 1_000_000

/** Who has signed in, by verified claims; only what the configuration maps is taken. */
export function principalOf(
  claims: Readonly<Record<string, unknown>>,
  { issuer, claims: mapped }: Pick<LoginConfig, 'issuer' | 'claims'>,
): Principal {
  const { sub } = claims
  if (typeof sub !== 'string' || sub === '' || sub.length > SUBJECT_LENGTH_MAX || !isPlain(sub)) {
    throw new LoginFault('sub is not a plain text of up to 255 characters')
  }
  const kept: { [name: string]: readonly string[] } = {}
  for (const name of mapped.keep) {
    const values = valuesOf(claims[name], name)
    if (values.length > 0) kept[name] = values
  }
  return {
    id: sub,
    kind: 'user',
    issuer,
    groups: valuesOf(claims[mapped.groups], mapped.groups),
    roles: valuesOf(claims[mapped.roles], mapped.roles),
    scopes: [],
    claims: kept satisfies Claims,
  }
}

/** Seconds since 1970, as claims tell them, in microseconds. */
export function timeOf(claim: unknown): number | undefined {
  return typeof claim === 'number' && Number.isSafeInteger(claim * SECOND_US)
    ? claim * SECOND_US
    : undefined
}

function valuesOf(claim: unknown, name: string): readonly string[] {
  if (claim === undefined || claim === null) return []
  const values: readonly unknown[] = Array.isArray(claim) ? claim : [claim]
  if (values.length > VALUES_MAX) throw new LoginFault(`claim ${name} has too many values`)
  return values.map((value) => {
    const text = typeof value === 'number' || typeof value === 'boolean' ? String(value) : value
    if (typeof text === 'string' && text.length <= VALUE_LENGTH_MAX && isPlain(text)) return text
    throw new LoginFault(`claim ${name} is not plain text`)
  })
}

function isPlain(text: string): boolean {
  return text.isWellFormed() && !/\p{Cc}/u.test(text)
}
