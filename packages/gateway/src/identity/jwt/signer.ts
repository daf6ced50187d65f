import {
  constants,
  createHmac,
  type KeyObject,
  type SigningOptions,
  timingSafeEqual,
  verify,
} from 'node:crypto'
import { ALGORITHMS, type Algorithm, type AlgorithmRule } from './algorithms.ts'
import type { Jws } from './read-jws.ts'
import type { VerifyKey } from './verify-key.ts'

/** The key that the signature verifies with, of the few that it could be. */
export function signerOf(
  { signature, signingInput }: Pick<Jws, 'signature' | 'signingInput'>,
  algorithm: Algorithm,
  keys: readonly VerifyKey[],
): VerifyKey | undefined {
  // The text is ASCII: it was decoded in its one spelling.
  const signed = Buffer.from(signingInput, 'latin1')
  return keys.find((key) => isSigned(algorithm, key, signed, signature))
}

/** How each algorithm signs; whose keys these may be is said in ALGORITHMS. */
const HASHES: { readonly [name in Algorithm]: string | null } = {
  RS256: 'sha256',
  RS384: 'sha384',
  RS512: 'sha512',
  PS256: 'sha256',
  PS384: 'sha384',
  PS512: 'sha512',
  ES256: 'sha256',
  ES384: 'sha384',
  ES512: 'sha512',
  EdDSA: null,
  Ed25519: null,
  HS256: 'sha256',
  HS384: 'sha384',
  HS512: 'sha512',
}
const CURVES: { readonly [crv: string]: string } = {
  'P-256': 'prime256v1',
  'P-384': 'secp384r1',
  'P-521': 'secp521r1',
}
const KINDS = { RSA: 'rsa', EC: 'ec', OKP: 'ed25519', oct: undefined } as const

function isSigned(
  algorithm: Algorithm,
  { key, algorithms }: VerifyKey,
  signed: Buffer,
  signature: Uint8Array,
): boolean {
  const rule: AlgorithmRule = ALGORITHMS[algorithm]
  if (!algorithms.includes(algorithm) || !isOf(key, rule)) return false
  if (rule.signatureBytes !== undefined && rule.signatureBytes !== signature.length) return false
  const hash = HASHES[algorithm]
  if (rule.kty === 'oct') {
    const mac = createHmac(hash ?? '', key)
      .update(signed)
      .digest()
    return timingSafeEqual(mac, signature)
  }
  try {
    return verify(hash, signed, { key, ...formOf(algorithm, rule) }, signature)
  } catch {
    // Whatever the library says against it: with this key it is no signature.
    return false
  }
}

function isOf(key: KeyObject, { kty, crv }: AlgorithmRule): boolean {
  if (kty === 'oct') return key.type === 'secret'
  if (key.type !== 'public' || key.asymmetricKeyType !== KINDS[kty]) return false
  return kty !== 'EC' || curveOf(key) === CURVES[crv ?? '']
}

/** Asked of OpenSSL once for a key. */
function curveOf(key: KeyObject): string | undefined {
  const known = curves.get(key)
  if (known !== undefined) return known
  const curve = key.asymmetricKeyDetails?.namedCurve
  if (curve !== undefined) curves.set(key, curve)
  return curve
}

const curves = new WeakMap<KeyObject, string>()

function formOf(algorithm: Algorithm, { kty, hashBytes }: AlgorithmRule): SigningOptions {
  if (kty === 'EC') return { dsaEncoding: 'ieee-p1363' }
  if (kty === 'OKP') return {}
  // RFC 7518 3.5: the salt is as long as the hash, and no other length verifies.
  return algorithm.startsWith('PS')
    ? { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: hashBytes }
    : { padding: constants.RSA_PKCS1_PADDING }
}
