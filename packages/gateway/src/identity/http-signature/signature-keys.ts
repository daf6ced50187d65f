import { createPublicKey, type KeyObject, verify } from 'node:crypto'
import { IdentityError } from '../identity-error.ts'
import { ed25519Weakness } from '../jwt/weak-keys.ts'
import type { Principal } from '../principal.ts'
import type { SignatureKeyConfig } from './signature-config.ts'

/** A key that requests are signed with, and whose it is. */
export interface SignatureKey {
  readonly id: string
  /** As RFC 9421, section 6.2, names it. */
  readonly algorithm: 'ed25519' | 'ecdsa-p256-sha256'
  readonly principal: Principal
  readonly expiresAtUs: number | undefined
  verify(base: Uint8Array, signature: Uint8Array): boolean
}

const SIGNATURE_BYTES = 64
const ED25519_BYTES = 32

/** Throws IdentityError for a key that is used twice, or is of no use. */
export function readSignatureKeys(
  keys: readonly SignatureKeyConfig[],
  issuer: string,
): ReadonlyMap<string, SignatureKey> {
  const read = new Map<string, SignatureKey>()
  for (const config of keys) {
    if (read.has(config.id)) throw unusable(config.id, 'stands there twice')
    read.set(config.id, readKey(config, issuer))
  }
  return read
}

function readKey(config: SignatureKeyConfig, issuer: string): SignatureKey {
  const { id, principal, kind, groups, roles, scopes, expires } = config
  const key = importKey(config)
  const algorithm = algorithmOf(id, key)
  return {
    id,
    algorithm,
    principal: { id: principal, kind, issuer, groups, roles, scopes, claims: {} },
    expiresAtUs: expires === undefined ? undefined : Date.parse(expires) * 1000,
    verify: (base, signature) => {
      if (signature.length !== SIGNATURE_BYTES) return false
      return algorithm === 'ed25519'
        ? verify(null, base, key, signature)
        : verify('sha256', base, { key, dsaEncoding: 'ieee-p1363' }, signature)
    },
  }
}

function importKey({ id, publicKey }: SignatureKeyConfig): KeyObject {
  try {
    return createPublicKey(publicKey)
  } catch (cause) {
    throw unusable(id, 'is no public key in PEM', cause)
  }
}

function algorithmOf(id: string, key: KeyObject): SignatureKey['algorithm'] {
  if (key.asymmetricKeyType === 'ed25519') {
    const raw = key.export({ format: 'der', type: 'spki' }).subarray(-ED25519_BYTES)
    const weakness = ed25519Weakness(raw)
    if (weakness !== undefined) throw unusable(id, weakness)
    return 'ed25519'
  }
  const curve = key.asymmetricKeyDetails?.namedCurve
  if (key.asymmetricKeyType === 'ec' && curve === 'prime256v1') return 'ecdsa-p256-sha256'
  throw unusable(id, 'is neither an Ed25519 nor a P-256 key')
}

function unusable(id: string, why: string, cause?: unknown): IdentityError {
  return new IdentityError('IDENTITY_UNUSABLE', `signature key ${id} ${why}`, { cause })
}
