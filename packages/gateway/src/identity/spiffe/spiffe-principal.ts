import type { Principal } from '../principal.ts'
import type { SpiffeConfig } from './spiffe-config.ts'
import { parseSpiffeId } from './spiffe-id.ts'

const ID_LENGTH_MAX = 512

/** The workload of this name, where it is one of the trust domain that is taken. */
export function workloadOf(
  text: string,
  { trustDomain, rules }: SpiffeConfig,
): Principal | 'spiffe-id' | 'spiffe-trust-domain' | 'spiffe-unknown' {
  const id = parseSpiffeId(text)
  if (id === undefined || id.path === '' || text.length > ID_LENGTH_MAX) return 'spiffe-id'
  if (id.trustDomain !== trustDomain) return 'spiffe-trust-domain'
  const rule = rules.find(({ path }) => covers(path, id.path))
  if (rule === undefined && rules.length > 0) return 'spiffe-unknown'
  const { groups = [], roles = [], scopes = [] } = rule ?? {}
  const issuer = `spiffe://${trustDomain}`
  return { id: text, kind: 'service', issuer, groups, roles, scopes, claims: {} }
}

function covers(pattern: string, path: string): boolean {
  const [wanted, found] = [pattern.split('/'), path.split('/')]
  if (wanted.length !== found.length) return false
  return wanted.every((segment, at) => segment === '*' || segment === found[at])
}
