import { apiKeyPrefix, matchesApiKey } from './api-key.ts'
import {
  type Authenticator,
  BEARER_CHALLENGE,
  type Identification,
  refused,
} from './authenticator.ts'
import type { KeyRing } from './keys-file.ts'
import type { Presented } from './presented.ts'

/** Recognises the keys of the keys file. */
export function apiKeys(keys: () => KeyRing, name = 'keys'): Authenticator {
  return {
    name,
    kind: 'api-key',
    carrier: 'authorization',
    challenges: [BEARER_CHALLENGE],
    recognises: ({ authorization: shown }) =>
      shown.kind === 'token' && shown.form === 'api-key' && shown.scheme === 'bearer',
    authenticate: (presented) => authenticateKey(presented, keys()),
  }
}

function authenticateKey(presented: Presented, keys: KeyRing): Identification {
  const token = presented.authorization.kind === 'token' ? presented.authorization.token : ''
  const key = keys.get(apiKeyPrefix(token) ?? '')
  if (!matchesApiKey(token, key?.hash) || key === undefined) return refused('credentials-invalid')
  const { credential, identification } = key
  // Only who holds the secret learns that the key has expired.
  const { expiresAtUs } = credential
  if (expiresAtUs !== undefined && expiresAtUs <= presented.atUs) {
    return refused('credentials-expired', { credential })
  }
  return identification
}
