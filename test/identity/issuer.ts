// An issuer of tokens on a real socket: it publishes keys, counts what it is asked, and signs
// anything at all, right or wrong.
import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

type Jwk = { readonly kid?: string; readonly [name: string]: unknown }

export interface SigningKey {
  readonly alg: string
  readonly privateKey: KeyObject
  readonly jwk: Jwk
}

export function ecKey(kid: string, curve = 'P-256', alg = 'ES256'): SigningKey {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: curve })
  return { alg, privateKey, jwk: { ...publicKey.export({ format: 'jwk' }), kid } }
}

export function rsaKey(kid: string, bits = 2048, alg = 'RS256', exponent = 0x10001): SigningKey {
  const pair = generateKeyPairSync('rsa', { modulusLength: bits, publicExponent: exponent })
  return {
    alg,
    privateKey: pair.privateKey,
    jwk: { ...pair.publicKey.export({ format: 'jwk' }), kid },
  }
}

export function edKey(kid: string): SigningKey {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  return { alg: 'EdDSA', privateKey, jwk: { ...publicKey.export({ format: 'jwk' }), kid } }
}

/** Public part of a key, as an issuer publishes it. */
export function published(key: SigningKey, more: Record<string, unknown> = {}): object {
  return { ...key.jwk, ...more }
}

export function base64url(value: string | Uint8Array): string {
  return Buffer.from(value).toString('base64url')
}

export type Header = Record<string, unknown>
export type Claims = Record<string, unknown>

/** Header and claims as texts, so that a test can write what no library would. */
export function signTexts(header: string, payload: string | Uint8Array, key: SigningKey): string {
  const input = `${base64url(header)}.${base64url(payload)}`
  return `${input}.${base64url(signatureOf(input, key.privateKey, key.alg))}`
}

export function signToken(header: Header, claims: Claims, key: SigningKey): string {
  return signTexts(JSON.stringify(header), JSON.stringify(claims), key)
}

export function signatureOf(input: string, key: KeyObject, alg: string): Uint8Array {
  const bytes = Buffer.from(input)
  if (alg === 'EdDSA' || alg === 'Ed25519') return sign(null, bytes, key)
  if (alg.startsWith('HS'))
    return createHmac(`sha${alg.slice(2)}`, key)
      .update(bytes)
      .digest()
  const hashName = `sha${alg.slice(2)}`
  if (alg.startsWith('ES')) return sign(hashName, bytes, { key, dsaEncoding: 'ieee-p1363' })
  if (alg.startsWith('PS')) {
    const padding = 6 // RSA_PKCS1_PSS_PADDING
    return sign(hashName, bytes, { key, padding, saltLength: Number(alg.slice(2)) / 8 })
  }
  return sign(hashName, bytes, key)
}

export interface TestIssuer {
  readonly url: string
  readonly requests: string[]
  /** What the key set holds from now on. */
  publish(keys: readonly object[]): void
  /** Answers everything in another way from now on; undefined: as it should. */
  misbehave(
    answer: ((request: IncomingMessage, response: ServerResponse) => void) | undefined,
  ): void
  close(): Promise<void>
}

export async function startIssuer(keys: readonly object[] = []): Promise<TestIssuer> {
  const requests: string[] = []
  let set = keys
  let odd: ((request: IncomingMessage, response: ServerResponse) => void) | undefined
  const server = createServer((request, response) => {
    requests.push(request.url ?? '')
    if (odd !== undefined) return odd(request, response)
    const documents: Record<string, unknown> = {
      '/.well-known/openid-configuration': { issuer: url, jwks_uri: `${url}/jwks` },
      '/jwks': { keys: set },
    }
    const document = documents[request.url ?? '']
    response.writeHead(document === undefined ? 404 : 200, { 'content-type': 'application/json' })
    response.end(JSON.stringify(document ?? {}))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    url,
    requests,
    publish: (next) => {
      set = next
    },
    misbehave: (answer) => {
      odd = answer
    },
    close: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
