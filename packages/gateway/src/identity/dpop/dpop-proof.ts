import { type JsonObject, parseJson } from '@countersign/evidence'

/** A DPoP proof (RFC 9449, section 4.2), read but not yet believed. */
export interface DpopProof {
  readonly algorithm: string
  readonly jwk: JsonObject
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
const BASE64URL = /^[A-Za-z0-9_-]+$/
const HEADER_MEMBERS = new Set(['typ', 'alg', 'jwk', 'kid'])

/** Reads one spelling only: compact, canonical base64url, strict JSON, no unknown header member. */
export function parseDpopProof(text: string): DpopProof | ProofFault {
  if (text.length > PROOF_LENGTH_MAX) return 'proof-form'
  const parts = text.split('.')
  const [header64 = '', payload64 = '', signature64 = ''] = parts
  if (parts.length !== 3) return 'proof-form'
  const header = readObject(header64)
  const payload = readObject(payload64)
  const signature = readBase64(signature64)
  if (header === undefined || payload === undefined || signature === undefined) return 'proof-form'
  const { typ, alg, jwk } = header
  if (typ !== 'dpop+jwt') return 'proof-type'
  // `crit` among them: nothing that it could name is understood here.
  if (Object.keys(header).some((name) => !HEADER_MEMBERS.has(name))) return 'proof-header'
  if (typeof alg !== 'string' || !isObject(jwk)) return 'proof-header'
  const claims = readClaims(payload)
  if (claims === undefined) return 'proof-claims'
  const signed = Buffer.from(`${header64}.${payload64}`, 'latin1')
  return { algorithm: alg, jwk, ...claims, signed, signature }
}

type Claims = Pick<DpopProof, 'jti' | 'htm' | 'htu' | 'iat' | 'ath' | 'nonce'>

function readClaims({ jti, htm, htu, iat, ath, nonce }: JsonObject): Claims | undefined {
  if (typeof jti !== 'string' || jti === '' || jti.length > JTI_LENGTH_MAX) return undefined
  if (typeof htm !== 'string' || typeof htu !== 'string') return undefined
  if (typeof iat !== 'number' || iat < 0) return undefined
  if (ath !== undefined && typeof ath !== 'string') return undefined
  if (nonce !== undefined && typeof nonce !== 'string') return undefined
  return { jti, htm, htu, iat, ath, nonce }
}

function readObject(base64: string): JsonObject | undefined {
  const bytes = readBase64(base64)
  if (bytes === undefined) return undefined
  try {
    const value = parseJson(bytes)
    return isObject(value) ? value : undefined
  } catch {
    return undefined // Whatever is wrong with it, it is no strict JSON.
  }
}

/** No padding, no other alphabet, no bits beyond the last byte: one text for one value. */
function readBase64(text: string): Buffer | undefined {
  if (!BASE64URL.test(text)) return undefined
  const bytes = Buffer.from(text, 'base64url')
  return bytes.toString('base64url') === text ? bytes : undefined
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
