import { matchesApiKey } from './api-key.ts'
import {
  type Authenticator,
  BEARER_CHALLENGE,
  type Identification,
  type Known,
  refused,
} from './authenticator.ts'
import type { KeyRing, KnownKey } from './keys-file.ts'
import type { Presented } from './presented.ts'

/** Recognises the keys of the keys file. */
export function apiKeys(keys: () => KeyRing, name = 'keys'): Authenticator {
  // What whoever shows a key is told is made once for it.
  const known = new WeakMap<KnownKey, Known>()
  const tell = (prefix: string, key: KnownKey): Known => {
    const told = known.get(key) ?? knownKey(prefix, key, keys)
    known.set(key, told)
    return told
  }
  return {
    name,
    kind: 'api-key',
    carrier: 'authorization',
    challenges: [BEARER_CHALLENGE],
    recognises: ({ authorization: shown }) =>
      shown.kind === 'token' && shown.form === 'api-key' && shown.scheme === 'bearer',
    authenticate: (presented) => authenticateKey(presented, keys(), tell),
  }
}

function authenticateKey(
  presented: Presented,
  keys: KeyRing,
  tell: (prefix: string, key: KnownKey) => Known,
): Identification {
  const shown = presented.authorization
  if (shown.kind !== 'token') return refused('credentials-malformed')
  const { keyPrefix: prefix } = shown
  const key = keys.get(prefix)
  const isRight = matchesApiKey(presented.keyDigest, key?.hash)
  if (!isRight || key === undefined) return refused('credentials-invalid')
  const { credential } = key
  // Only who holds the secret learns that the key has expired.
  if (hasExpired(key, presented.atUs)) return refused('credentials-expired', { credential })
  return tell(prefix, key)
}

function knownKey(prefix: string, key: KnownKey, keys: () => KeyRing): Known {
  const { principal, credential, trace } = key
  return {
    known: true,
    principal,
    credential,
    isStillGood: (atUs) => {
      const now = keys().get(prefix)
      return now !== undefined && now.trace.facts === trace.facts && !hasExpired(now, atUs)
    },
  }
}

function hasExpired({ credential: { expiresAtUs } }: KnownKey, atUs: number): boolean {
  return expiresAtUs !== undefined && expiresAtUs <= atUs
}
