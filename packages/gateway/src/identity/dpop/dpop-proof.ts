import { isMembers, type Members } from '../jwt/members.ts'
import { readJws } from '../jwt/read-jws.ts'

/** A DPoP proof (RFC 9449, section 4.2), read but not yet believed. */
export interface DpopProof {
  readonly algorithm: string
  readonly jwk: Members
  readonly jti: string
  readonly htm: string
  readonly htu: string
  /** Seconds since 1970. */
  readonly iat: number
  readonly ath: string | undefined
  readonly nonce: string | undefined
  /** What the signature is over. */
  readonly signed: Uint8Array
  readonly signature: Uint8Array
}

/** What is wrong with the form of a proof. */
export type ProofFault = 'proof-form' | 'proof-header' | 'proof-type' | 'proof-claims'

/** An ES256 proof is under 1 KB; one with an RSA-4096 key and signature under 3 KB. */
const PROOF_LENGTH_MAX = 4096
const JTI_LENGTH_MAX = 256
const HEADER_MEMBERS = new Set(['typ', 'alg', 'jwk', 'kid'])

/** Reads one spelling only: compact, canonical base64url, strict JSON, no unknown header member. */
export function parseDpopProof(text: string): DpopProof | ProofFault {
  const reading = readJws(text, PROOF_LENGTH_MAX)
  if (!reading.ok) return 'proof-form'
  const { header, payload, signature, signingInput } = reading.jws
  const { typ, alg, jwk } = header
  if (typ !== 'dpop+jwt') return 'proof-type'
  // `crit` among them: nothing that it could name is understood here.
  if (Object.keys(header).some((name) => !HEADER_MEMBERS.has(name))) return 'proof-header'
  if (typeof alg !== 'string' || !isMembers(jwk)) return 'proof-header'
  const claims = readClaims(payload)
  if (claims === undefined) return 'proof-claims'
  const signed = Buffer.from(signingInput, 'latin1')
  return { algorithm: alg, jwk, ...claims, signed, signature }
}

type Claims = Pick<DpopProof, 'jti' | 'htm' | 'htu' | 'iat' | 'ath' | 'nonce'>

function readClaims({ jti, htm, htu, iat, ath, nonce }: Members): Claims | undefined {
  if (typeof jti !== 'string' || jti === '' || jti.length > JTI_LENGTH_MAX) return undefined
  if (typeof htm !== 'string' || typeof htu !== 'string') return undefined
  if (typeof iat !== 'number' || iat < 0) return undefined
  if (ath !== undefined && typeof ath !== 'string') return undefined
  if (nonce !== undefined && typeof nonce !== 'string') return undefined
  return { jti, htm, htu, iat, ath, nonce }
}
