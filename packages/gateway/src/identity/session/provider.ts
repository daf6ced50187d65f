import { hash } from 'node:crypto'
import * as oidc from 'openid-client'
import type { Clock, HttpClient } from '../../platform/index.ts'
import type { LoginConfig } from './login-config.ts'
import type { LoginState } from './login-state.ts'

/** Bytes of any answer of the identity provider. */
const ANSWER_BYTES_MAX = 262_144
const ANSWER_MS = 10_000
/** How long what was discovered is believed. */
const DISCOVERED_MS = 3_600_000
const DISCOVERY_RETRY_MS = 5000

/** What a sign-in proved. */
export interface SignedIn {
  readonly claims: Readonly<Record<string, unknown>>
  readonly idToken: string
}

/** Why a sign-in or a sign-out did not work; the message is for the operator, not the browser. */
export class LoginFault extends Error {
  override readonly name = 'LoginFault'
}

/** The identity provider of one login: discovered when first needed, again after an hour. */
export class LoginProvider {
  readonly #config: LoginConfig
  readonly #secret: string | undefined
  readonly #http: HttpClient
  readonly #clock: Clock
  #found: oidc.Configuration | undefined
  #failure: unknown
  #asking: Promise<void> | undefined
  /** When it is asked for again. */
  #nextMs = Number.NEGATIVE_INFINITY

  constructor(parts: {
    readonly config: LoginConfig
    readonly clientSecret: string | undefined
    readonly http: HttpClient
    readonly clock: Clock
  }) {
    this.#config = parts.config
    this.#secret = parts.clientSecret
    this.#http = parts.http
    this.#clock = parts.clock
  }

  /** Where the browser goes to sign in. Code flow with PKCE S256, and nothing else. */
  async authorizationUrl({ state, nonce, codeVerifier }: LoginState): Promise<URL> {
    const configuration = await this.#configuration()
    return oidc.buildAuthorizationUrl(configuration, {
      redirect_uri: this.redirectUri,
      response_type: 'code',
      scope: this.#config.scopes.join(' '),
      state,
      nonce,
      code_challenge: await oidc.calculatePKCECodeChallenge(codeVerifier),
      code_challenge_method: 'S256',
    })
  }

  get redirectUri(): string {
    return new URL(`/.well-known/countersign/login/${this.#config.name}/callback`, this.#origin)
      .href
  }

  get #origin(): string {
    return new URL(this.#config.externalUrl).origin
  }

  /** Exchanges the code, and verifies everything that came with it. Throws LoginFault. */
  async signIn(query: string, state: LoginState): Promise<SignedIn> {
    const configuration = await this.#configuration()
    try {
      const tokens = await oidc.authorizationCodeGrant(
        configuration,
        new URL(`${this.redirectUri}?${query}`),
        {
          expectedState: state.state,
          expectedNonce: state.nonce,
          pkceCodeVerifier: state.codeVerifier,
          idTokenExpected: true,
        },
      )
      const claims = tokens.claims()
      if (claims === undefined || tokens.id_token === undefined) throw new LoginFault('no id token')
      checkTokenHash(tokens.id_token, claims.at_hash, tokens.access_token)
      return { claims, idToken: tokens.id_token }
    } catch (cause) {
      throw new LoginFault(`sign-in at ${this.#config.issuer} failed`, { cause })
    }
  }

  /** Where the browser signs out there too; undefined where the provider has no such page. */
  async endSessionUrl(idToken: string): Promise<URL | undefined> {
    const configuration = await this.#configuration()
    if (configuration.serverMetadata().end_session_endpoint === undefined) return undefined
    return oidc.buildEndSessionUrl(configuration, {
      id_token_hint: idToken,
      post_logout_redirect_uri: `${this.#origin}/`,
    })
  }

  /** Where the provider's keys are. */
  async keySetUrl(): Promise<string> {
    const url = (await this.#configuration()).serverMetadata().jwks_uri
    if (url === undefined) throw new LoginFault(`${this.#config.issuer} names no key set`)
    return url
  }

  /** What was found before goes on being used while the provider is away. */
  async #configuration(): Promise<oidc.Configuration> {
    if (this.#clock.ticksMs() >= this.#nextMs) {
      this.#asking ??= this.#ask()
      await this.#asking
    }
    if (this.#found !== undefined) return this.#found
    throw new LoginFault(`${this.#config.issuer} could not be discovered`, { cause: this.#failure })
  }

  async #ask(): Promise<void> {
    try {
      this.#found = await this.#discover()
      this.#nextMs = this.#clock.ticksMs() + DISCOVERED_MS
    } catch (cause) {
      this.#failure = cause
      this.#nextMs = this.#clock.ticksMs() + DISCOVERY_RETRY_MS
    } finally {
      this.#asking = undefined
    }
  }

  async #discover(): Promise<oidc.Configuration> {
    const { issuer, clientId, allowLoopbackHttp } = this.#config
    const secret = this.#secret
    const configuration = await oidc.discovery(
      new URL(issuer),
      clientId,
      { ...(secret === undefined ? {} : { client_secret: secret }), redirect_uris: [] },
      secret === undefined ? oidc.None() : oidc.ClientSecretBasic(secret),
      {
        [oidc.customFetch]: (url, options) => this.#fetch(url, options),
        execute: allowLoopbackHttp ? [oidc.allowInsecureRequests] : [],
      },
    )
    // The id token is checked by its signature too, not by the connection that it came over alone.
    oidc.enableNonRepudiationChecks(configuration)
    return configuration
  }

  async #fetch(url: string, options: oidc.CustomFetchOptions): Promise<Response> {
    const { status, headers, body } = await this.#http.request({
      url,
      method: options.method === 'POST' ? 'POST' : 'GET',
      headers: options.headers,
      body: bytesOf(options.body),
      bytesMax: ANSWER_BYTES_MAX,
      timeoutMs: ANSWER_MS,
      allowsLoopbackHttp: this.#config.allowLoopbackHttp,
    })
    return new Response(status === 204 ? null : Buffer.from(body), { status, headers })
  }
}

function bytesOf(body: oidc.CustomFetchOptions['body']): Uint8Array | undefined {
  if (body === null || body === undefined) return undefined
  if (typeof body === 'string') return Buffer.from(body)
  if (body instanceof URLSearchParams) return Buffer.from(body.toString())
  throw new LoginFault('a body of this kind is never sent')
}

/** OpenID Connect Core, section 3.1.3.6: the id token names the access token it came with. */
function checkTokenHash(idToken: string, expected: unknown, accessToken: string): void {
  if (expected === undefined) return
  const [header = ''] = idToken.split('.')
  const { alg } = JSON.parse(Buffer.from(header, 'base64url').toString('utf8')) as { alg: string }
  const algorithm = alg.endsWith('384') ? 'sha384' : alg.endsWith('256') ? 'sha256' : 'sha512'
  const digest = hash(algorithm, accessToken, 'buffer')
  const half = digest.subarray(0, digest.length / 2).toString('base64url')
  if (half !== expected) throw new LoginFault('at_hash is not of this access token')
}
