/** What a signature algorithm of JOSE wants of a key. */
export interface AlgorithmRule {
  readonly kty: 'RSA' | 'EC' | 'OKP' | 'oct'
  /** Of EC and OKP keys. */
  readonly crv?: string
  /** Of its signatures, where they have one length. */
  readonly signatureBytes?: number
  /** Of its hash: no shorter may an HMAC secret be. */
  readonly hashBytes: number
}

/** The algorithms that an issuer may be allowed. `none` is not among them and cannot be named. */
export const ALGORITHMS = {
  RS256: { kty: 'RSA', hashBytes: 32 },
  RS384: { kty: 'RSA', hashBytes: 48 },
  RS512: { kty: 'RSA', hashBytes: 64 },
  PS256: { kty: 'RSA', hashBytes: 32 },
  PS384: { kty: 'RSA', hashBytes: 48 },
  PS512: { kty: 'RSA', hashBytes: 64 },
  ES256: { kty: 'EC', crv: 'P-256', signatureBytes: 64, hashBytes: 32 },
  ES384: { kty: 'EC', crv: 'P-384', signatureBytes: 96, hashBytes: 48 },
  ES512: { kty: 'EC', crv: 'P-521', signatureBytes: 132, hashBytes: 64 },
  EdDSA: { kty: 'OKP', crv: 'Ed25519', signatureBytes: 64, hashBytes: 64 },
  Ed25519: { kty: 'OKP', crv: 'Ed25519', signatureBytes: 64, hashBytes: 64 },
  HS256: { kty: 'oct', signatureBytes: 32, hashBytes: 32 },
  HS384: { kty: 'oct', signatureBytes: 48, hashBytes: 48 },
  HS512: { kty: 'oct', signatureBytes: 64, hashBytes: 64 },
} as const satisfies { readonly [name: string]: AlgorithmRule }

export type Algorithm = keyof typeof ALGORITHMS

export const ALGORITHM_NAMES = Object.keys(ALGORITHMS) as [Algorithm, ...Algorithm[]]

/** What an issuer with public keys may sign with where nothing else is said. */
export const USUAL_ALGORITHMS: readonly Algorithm[] = ['ES256', 'EdDSA', 'PS256', 'RS256']

export function isAlgorithm(name: unknown): name is Algorithm {
  return typeof name === 'string' && Object.hasOwn(ALGORITHMS, name)
}

export function isSymmetric(algorithm: Algorithm): boolean {
  return ALGORITHMS[algorithm].kty === 'oct'
}
