import { X509Certificate } from 'node:crypto'
import { KEYS_MAX, KeySet } from '../jwt/key-set.ts'
import { isMembers, type Members, member, parseMembers } from '../jwt/members.ts'
import { type KeyRules, readVerifyKey, type VerifyKey } from '../jwt/verify-key.ts'

/** Whom a trust domain is believed by (SPIFFE Trust Domain and Bundle, section 4). */
export interface TrustBundle {
  /** PEM of the authorities of X.509-SVIDs. */
  readonly authorities: readonly string[]
  /** Keys of JWT-SVIDs. */
  readonly keys: KeySet
}

export const BUNDLE_BYTES_MAX = 1_048_576

/** JWT-SVID, section 2.1: nothing with a secret, and no EdDSA. */
export const SVID_RULES: KeyRules = {
  algorithms: ['RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'ES512', 'PS256', 'PS384', 'PS512'],
  rsaExponent: 'odd',
}

/** Undefined for what is no bundle. Entries of another use, or of none, are left out. */
export function parseTrustBundle(bytes: Uint8Array): TrustBundle | undefined {
  const document = parseMembers(bytes)
  const entries = document === undefined ? undefined : member(document, 'keys')
  if (!Array.isArray(entries) || entries.length > KEYS_MAX) return undefined
  const members = entries.filter(isMembers)
  const authorities = members.filter((entry) => member(entry, 'use') === 'x509-svid')
  const signers = members.filter((entry) => member(entry, 'use') === 'jwt-svid')
  return {
    authorities: authorities.flatMap((entry) => readAuthority(entry) ?? []),
    keys: keySet(signers.flatMap((entry) => readSigner(entry) ?? [])),
  }
}

/** Exactly one certificate, that of the authority. */
function readAuthority(entry: Members): string | undefined {
  const chain = member(entry, 'x5c')
  if (!Array.isArray(chain) || chain.length !== 1 || typeof chain[0] !== 'string') return undefined
  const der = Buffer.from(chain[0], 'base64')
  if (der.toString('base64') !== chain[0]) return undefined
  try {
    const certificate = new X509Certificate(der)
    return certificate.ca ? certificate.toString() : undefined
  } catch {
    return undefined // no certificate
  }
}

/** `kid` is required; `use` is SPIFFE's own, which says as much as `sig`. */
function readSigner(entry: Members): VerifyKey | undefined {
  const reading = readVerifyKey({ ...entry, use: 'sig' }, SVID_RULES)
  return reading.ok && reading.key.kid !== undefined ? reading.key : undefined
}

function keySet(keys: readonly VerifyKey[]): KeySet {
  const kids = keys.flatMap(({ kid }) => kid ?? [])
  return new KeySet(keys, new Set(kids.filter((kid, at) => kids.indexOf(kid) !== at)))
}
