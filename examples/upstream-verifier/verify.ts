// What an upstream needs to take requests from its gateway only, and to know who they are for.
// Node 20 or later, nothing else. `openVerifier` once, `verify` for each request.
import {
  createPublicKey,
  type JsonWebKeyInput,
  type KeyObject,
  verify as verifySignature,
} from 'node:crypto'
import type { IncomingMessage } from 'node:http'

/** Who a request is made for, and where the gateway has written it down. */
export interface Statement {
  readonly sub: string
  readonly kind: 'user' | 'service' | 'anonymous'
  readonly groups?: readonly string[]
  readonly roles?: readonly string[]
  readonly ledger: { readonly origin: string; readonly epoch: number; readonly index: number }
  readonly [claim: string]: unknown
}

export interface VerifierOptions {
  /** `https://gateway.example/.well-known/countersign/jwks.json`. */
  readonly jwksUrl: string
  /** `identity.upstream.issuer` of the gateway, or the name of its log. */
  readonly issuer: string
  /** The name that the gateway's configuration gives to this upstream. */
  readonly audience: string
}

type Jwk = JsonWebKeyInput['key'] & { readonly kid: string }

const REFRESH_MS_MIN = 10_000
const CLOCK_SKEW_S = 5
const SEEN_MAX = 100_000

/** Returns a function that returns who a request is for, or throws: answer 403 then. */
export async function openVerifier({ jwksUrl, issuer, audience }: VerifierOptions) {
  let keys = await fetchKeys(jwksUrl)
  let fetchedAt = Date.now()
  const seen = new Map<string, number>()

  return async function verify(request: IncomingMessage): Promise<Statement> {
    const text = request.headersDistinct['countersign-identity']
    if (text?.length !== 1) throw new Error('not one statement of the gateway')
    const [header = '', payload = '', signature = ''] = text[0]?.split('.') ?? []
    const { kid, typ } = decode(header)
    if (!keys.has(String(kid)) && Date.now() - fetchedAt > REFRESH_MS_MIN) {
      keys = await fetchKeys(jwksUrl)
      fetchedAt = Date.now()
    }
    const key = keys.get(String(kid))
    if (key === undefined || !isSigned(key, `${header}.${payload}`, signature)) {
      throw new Error('not signed by the gateway')
    }
    const claims = decode(payload)
    const now = Date.now() / 1000
    const wrong =
      typ !== 'countersign-identity+jwt' ||
      claims.iss !== issuer ||
      claims.aud !== audience ||
      claims.htm !== request.method ||
      claims.target !== request.url ||
      !(Number(claims.exp) > now - CLOCK_SKEW_S) ||
      !(Number(claims.iat) < now + CLOCK_SKEW_S)
    if (wrong) throw new Error('a statement about another request')
    if (!isFirst(seen, String(claims.jti), Number(claims.exp))) throw new Error('used before')
    return claims as Statement
  }
}

/** The type of the key decides the algorithm: what the header says of it is not asked. */
function isSigned(key: KeyObject, input: string, signature: string): boolean {
  const hash = key.asymmetricKeyType === 'ed25519' ? null : 'sha256'
  const bytes = Buffer.from(signature, 'base64url')
  return verifySignature(hash, Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' }, bytes)
}

/** Whoever can read a request on its way could send it again while its statement lives. */
function isFirst(seen: Map<string, number>, id: string, until: number): boolean {
  const now = Date.now() / 1000 - CLOCK_SKEW_S
  for (const [old, end] of seen) {
    if (end >= now) break
    seen.delete(old)
  }
  if (seen.has(id) || seen.size >= SEEN_MAX) return false
  seen.set(id, until)
  return true
}

async function fetchKeys(url: string): Promise<ReadonlyMap<string, KeyObject>> {
  const answer = await fetch(url, { redirect: 'error' })
  const { keys } = (await answer.json()) as { keys: Jwk[] }
  return new Map(keys.map((jwk) => [jwk.kid, createPublicKey({ key: jwk, format: 'jwk' })]))
}

function decode(part: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(part, 'base64url').toString()) as Record<string, unknown>
}
