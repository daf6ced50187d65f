import { apiKeyPrefix, matchesApiKey } from './api-key.ts'
import type { KeyRing } from './keys-file.ts'
import { ANONYMOUS, type Credential, type Principal } from './principal.ts'

/** Why somebody who showed a credential is not who they say. */
export type CredentialRefusal =
  | 'credentials-ambiguous'
  | 'credentials-malformed'
  | 'credentials-invalid'
  | 'credentials-expired'

export type Identification =
  | {
      readonly known: true
      readonly principal: Principal
      /** Undefined for the anonymous principal, who showed none. */
      readonly credential: Credential | undefined
    }
  | {
      readonly known: false
      readonly reason: CredentialRefusal
      /** Of the expired key alone: any other credential says nothing about anybody. */
      readonly credential: Credential | undefined
    }

/**
 * Says who shows these `Authorization` values. None is the anonymous principal; one that is wrong
 * is refused even where none is needed, and two because two readers could pick differently.
 */
export function authenticate(
  authorization: readonly string[],
  keys: KeyRing,
  atUs: number,
): Identification {
  if (authorization.length > 1) return refused('credentials-ambiguous')
  const [value] = authorization
  if (value === undefined) return { known: true, principal: ANONYMOUS, credential: undefined }
  const token = /^bearer +(\S+)$/i.exec(value)?.[1]
  const prefix = token === undefined ? undefined : apiKeyPrefix(token)
  if (token === undefined || prefix === undefined) return refused('credentials-malformed')
  const key = keys.get(prefix)
  if (!matchesApiKey(token, key?.hash) || key === undefined) return refused('credentials-invalid')
  const { principal, credential } = key
  // Only who holds the secret learns that the key has expired.
  if (credential.expiresAtUs !== undefined && credential.expiresAtUs <= atUs) {
    return { known: false, reason: 'credentials-expired', credential }
  }
  return { known: true, principal, credential }
}

function refused(reason: CredentialRefusal): Identification {
  return { known: false, reason, credential: undefined }
}
