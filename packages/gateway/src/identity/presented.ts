import { hash } from 'node:crypto'
import { apiKeyDigest, apiKeyPrefix } from './api-key.ts'
import { type JwsReading, readJws } from './jwt/read-jws.ts'
import type { VerifiedToken } from './token/verified-tokens.ts'

/** Header lines in the order received, each name as it was spelled. */
type Fields = readonly (readonly [name: string, value: string])[]

/** The certificate that the client showed in the TLS handshake. */
export interface ClientCertificate {
  readonly der: Uint8Array
  /** Hexadecimal, of the DER. */
  readonly sha256: string
  /** Whether the TLS library verified its chain against the listener's authorities. */
  readonly isVerified: boolean
  /** Why not, in the TLS library's words. */
  readonly error?: string | undefined
  /** The item of `identity.spiffe` that the listener believes; undefined: other authorities. */
  readonly trustDomain?: string | undefined
}

interface PresentedParts {
  readonly method: string
  /** External and canonical: scheme, authority, path, query. Asked for when it is needed. */
  readonly url: () => string
  readonly fields: Fields
  /** Whether a body comes, or may: HTTP/2 says so outside of the fields. */
  readonly hasBody: boolean
  readonly peer: {
    readonly address: string
    readonly certificate?: ClientCertificate | undefined
  }
  readonly atUs: number
  /** Of the same fields, where they came before. */
  readonly shown?: Shown | undefined
}

/** What a request shows `Authorization` values of. */
export type Authorization =
  | { readonly kind: 'none' | 'many' | 'unreadable' }
  | {
      readonly kind: 'token'
      readonly scheme: 'bearer' | 'dpop'
      readonly token: string
      /** What the token looks like; whether it is that is another question. */
      readonly form: 'api-key' | 'jwt' | 'opaque'
      /** Of what looks like a key of ours; else empty. */
      readonly keyPrefix: string
    }

/** What fields show in `Authorization`, whatever is asked for. Each reading is made once. */
export class Shown {
  /** What whoever keeps verified tokens has found last of this one: theirs to judge. */
  found: VerifiedToken | undefined
  /** By whom, for each configuration has its own. */
  foundBy: object | undefined
  readonly #values: readonly string[]
  #authorization: Authorization | undefined
  #tokenSha256: string | undefined
  #keyDigest: string | undefined
  #jws: JwsReading | undefined

  constructor(fields: Fields) {
    this.#values = valuesOf(fields, 'authorization')
  }

  /** What other fields show, of which this may be the reading already. */
  next(fields: Fields): Shown {
    return this.#isOf(fields) ? this : new Shown(fields)
  }

  get authorization(): Authorization {
    this.#authorization ??= readAuthorization(this.#values)
    return this.#authorization
  }

  get tokenSha256(): string {
    this.#tokenSha256 ??= hash('sha256', this.#token, 'base64')
    return this.#tokenSha256
  }

  get keyDigest(): string {
    this.#keyDigest ??= apiKeyDigest(this.#token)
    return this.#keyDigest
  }

  get jws(): JwsReading {
    this.#jws ??= readJws(this.#token)
    return this.#jws
  }

  /** Nothing is made of fields that show the same. */
  #isOf(fields: Fields): boolean {
    let found = 0
    for (const field of fields) {
      if (!isNamed(field, 'authorization')) continue
      if (this.#values[found] !== field[1]) return false
      found += 1
    }
    return found === this.#values.length
  }

  get #token(): string {
    return this.authorization.kind === 'token' ? this.authorization.token : ''
  }
}

/** One request, as far as it can tell who makes it. */
export class Presented {
  readonly method: string
  readonly fields: Fields
  readonly hasBody: boolean
  readonly peer: PresentedParts['peer']
  /** Microseconds since 1970. */
  readonly atUs: number
  readonly shown: Shown
  readonly #url: () => string

  constructor(parts: PresentedParts) {
    const { method, url, fields, hasBody, peer, atUs, shown = new Shown(fields) } = parts
    this.method = method
    this.fields = fields
    this.hasBody = hasBody
    this.peer = peer
    this.atUs = atUs
    this.shown = shown
    this.#url = url
  }

  get url(): string {
    return this.#url()
  }

  get authorization(): Authorization {
    return this.shown.authorization
  }

  /** Base64, of the token that `Authorization` shows; stands for it in memory. */
  get tokenSha256(): string {
    return this.shown.tokenSha256
  }

  /** Of the token, as API keys are compared by. */
  get keyDigest(): string {
    return this.shown.keyDigest
  }

  /** The token read as a JWS: what it says, with nothing of it verified. */
  get jws(): JwsReading {
    return this.shown.jws
  }

  /** Every value under a name, in order, never joined. */
  valuesOf(lowerCaseName: string): readonly string[] {
    return valuesOf(this.fields, lowerCaseName)
  }
}

function valuesOf(fields: Fields, lowerCaseName: string): readonly string[] {
  const values: string[] = []
  for (const field of fields) if (isNamed(field, lowerCaseName)) values.push(field[1])
  return values
}

function isNamed([name]: Fields[number], lowerCaseName: string): boolean {
  return name.length === lowerCaseName.length && name.toLowerCase() === lowerCaseName
}

/** Scheme, spaces, and a token in the characters of RFC 6750, section 2.1; nothing else. */
const FORM = /^(bearer|dpop) +([A-Za-z0-9._~+/-]+=*)$/i

function readAuthorization(values: readonly string[]): Authorization {
  const [value] = values
  if (value === undefined) return NONE
  if (values.length > 1) return MANY
  const [, scheme, token] = FORM.exec(value) ?? []
  if (scheme === undefined || token === undefined) return UNREADABLE
  const keyPrefix = apiKeyPrefix(token) ?? ''
  return {
    kind: 'token',
    scheme: scheme.length === DPOP_LENGTH ? 'dpop' : 'bearer',
    token,
    form: keyPrefix === '' ? formOf(token) : 'api-key',
    keyPrefix,
  }
}

/** A JSON object in base64url begins with `eyJ` or, with white space in it, with `ey` or `ew`. */
function formOf(token: string): 'jwt' | 'opaque' {
  if (/^e[yw]/.test(token) && token.includes('.')) return 'jwt'
  return token.split('.', DOTS_READ).length === 3 ? 'jwt' : 'opaque'
}

const DPOP_LENGTH = 'dpop'.length
const DOTS_READ = 4
const NONE = { kind: 'none' } as const
const MANY = { kind: 'many' } as const
const UNREADABLE = { kind: 'unreadable' } as const
