import type { Algorithm } from './algorithms.ts'
import { member, parseMembers } from './members.ts'
import { type KeyRules, readVerifyKey, type VerifyKey } from './verify-key.ts'

/** A published set with more keys is refused whole. */
export const KEYS_MAX = 100

/** A token without `kid` is tried with no more keys than this. */
const TRIES_MAX = 4

export interface IgnoredKey {
  readonly kid: string | undefined
  readonly why: string
}

export type Choice =
  | { readonly ok: true; readonly keys: readonly VerifyKey[] }
  | { readonly ok: false; readonly fault: 'key-unknown' | 'key-ambiguous' }

/** The keys of one issuer, none of which is weak or for anything but verifying. */
export class KeySet {
  readonly keys: readonly VerifyKey[]
  readonly #byKid: ReadonlyMap<string, readonly VerifyKey[]>
  readonly #identities: ReadonlySet<string>

  constructor(keys: readonly VerifyKey[], kidsTwice: ReadonlySet<string> = new Set()) {
    // A kid that two entries have names neither, even where only one of them could be used.
    this.keys = keys.filter(({ kid }) => kid === undefined || !kidsTwice.has(kid))
    const byKid = new Map<string, readonly VerifyKey[]>([...kidsTwice].map((kid) => [kid, []]))
    for (const key of this.keys) if (key.kid !== undefined) byKid.set(key.kid, [key])
    this.#byKid = byKid
    this.#identities = new Set(this.keys.map(({ identity }) => identity))
  }

  has({ identity }: VerifyKey): boolean {
    return this.#identities.has(identity)
  }

  /** The keys that a token with this header may have been signed with. */
  choose(algorithm: Algorithm, kid: string | undefined): Choice {
    const named = kid === undefined ? this.keys : this.#byKid.get(kid)
    if (named?.length === 0 && kid !== undefined) return { ok: false, fault: 'key-ambiguous' }
    const keys = (named ?? []).filter(({ algorithms }) => algorithms.includes(algorithm))
    if (keys.length > TRIES_MAX) return { ok: false, fault: 'key-ambiguous' }
    return keys.length === 0 ? { ok: false, fault: 'key-unknown' } : { ok: true, keys }
  }

  /** Whether a newer set could help: a kid that this one has never heard of. */
  lacks(kid: string | undefined): boolean {
    return kid === undefined ? this.keys.length === 0 : !this.#byKid.has(kid)
  }
}

/**
 * Reads a published set (RFC 7517); undefined for what is no such set or has too many keys. Entries
 * that cannot be used are left out and told of.
 */
export function parseKeySet(
  bytes: Uint8Array,
  rules: KeyRules,
): { readonly set: KeySet; readonly ignored: readonly IgnoredKey[] } | undefined {
  const document = parseMembers(bytes)
  const entries = document === undefined ? undefined : member(document, 'keys')
  if (!Array.isArray(entries) || entries.length > KEYS_MAX) return undefined
  const readings = entries.map((entry: unknown) => readVerifyKey(entry, rules))
  const kids = readings.map((reading) => (reading.ok ? reading.key.kid : reading.kid))
  const twice = kids.filter((kid, at) => kid !== undefined && kids.indexOf(kid) !== at)
  const ignored = readings.filter((reading) => !reading.ok)
  const keys = readings.flatMap((reading) => (reading.ok ? [reading.key] : []))
  const kidsTwice = new Set(twice.filter((kid) => kid !== undefined))
  return { set: new KeySet(keys, kidsTwice), ignored }
}
