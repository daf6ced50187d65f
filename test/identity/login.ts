// A login as the program opens it, before an identity provider on a real socket that signs anything
// at all: right answers and wrong ones.
import { createHash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { httpClient } from '../../packages/gateway/src/compose/http-client.ts'
import {
  BrowserLogin,
  type Identification,
  LoginMemory,
  LoginProvider,
  LogoutTokens,
  loginConfigSchema,
  loginKeys,
  Presented,
  SessionAuthenticator,
  type SessionEvent,
} from '../../packages/gateway/src/identity/index.ts'
import { systemClock, systemRandom } from '../../packages/gateway/src/platform/index.ts'
import { type Claims, ecKey, published, type SigningKey, signToken, startIssuer } from './issuer.ts'

export const APP = 'https://app.example'
export const CLIENT = 'app'
const OWN = `${APP}/.well-known/countersign/login/staff`

/** What the provider answers; each test bends one thing. */
export interface Bent {
  discovery?: object
  claims?: Claims
  token?: object
  key?: SigningKey
  header?: object
}

export interface TestLogin {
  readonly issuer: string
  readonly authenticator: SessionAuthenticator
  readonly events: SessionEvent[]
  readonly faults: unknown[]
  /** Forms that the provider's token endpoint got. */
  readonly exchanges: URLSearchParams[]
  readonly requests: readonly string[]
  bent: Bent
  /** Whether events can be recorded. */
  isRecording: boolean
  readonly key: SigningKey
  show(cookie: string | undefined, more?: Shown): Promise<Identification>
  /** Begins a sign-in: the provider's URL, and the cookie. */
  begin(path?: string, cookie?: string): Promise<Begun>
  callback(query: Readonly<Record<string, string>>, cookie?: string): Promise<Response>
  /** A whole sign-in: the session's cookie. */
  signIn(): Promise<string>
  post(step: string, headers: Readonly<Record<string, string>>, body?: string): Promise<Response>
  logoutToken(more?: Claims, header?: object, key?: SigningKey): string
  close(): Promise<void>
}

export interface Begun {
  readonly to: URL
  readonly cookie: string
  /** Names of cookies that end as it begins. */
  readonly ended: readonly string[]
}

export interface Shown {
  readonly method?: string
  readonly path?: string
  readonly fields?: readonly (readonly [string, string])[]
}

export const NAVIGATION = [['sec-fetch-mode', 'navigate']] as const

export async function openLogin(more: object = {}): Promise<TestLogin> {
  const key = ecKey('one')
  const provider = await startIssuer()
  const http = httpClient()
  const clock = systemClock()
  const config = loginConfigSchema.parse({
    name: 'staff',
    issuer: provider.url,
    clientId: CLIENT,
    externalUrl: APP,
    principalPrefix: '',
    map: { groups: [{ claim: 'groups' }] },
    allowLoopbackHttp: true,
    ...more,
  })
  const onFault = (fault: unknown): number => test.faults.push(fault)
  const keys = loginKeys(config, { http, clock, onFault })
  let nonce = ''
  const memory = new LoginMemory(systemRandom(), config)
  const there = new LoginProvider({ config, clientSecret: 'a secret: 7%', http, clock })
  const { states, sessions } = memory
  const judging = { config, provider: there, onFault, states, sessions }
  const authenticator = new SessionAuthenticator(judging)
  const login = new BrowserLogin({
    config,
    clock,
    memory,
    onFault,
    provider: there,
    logoutTokens: new LogoutTokens(keys, clock, memory),
    record: async (event) => {
      if (!test.isRecording) throw new Error('the ledger is full')
      test.events.push(event)
    },
  })
  const now = (): number => Math.floor(clock.nowUs() / 1_000_000)
  const sign = (claims: Claims, header: object, by: SigningKey): string =>
    signToken({ alg: by.alg, kid: by.jwk.kid, ...header }, claims, by)
  const tokens = (): object => {
    const claims = { iss: provider.url, aud: CLIENT, sub: 'ada', nonce, sid: 's1', groups: ['a'] }
    const times = { iat: now(), exp: now() + 300, auth_time: now() }
    const { bent } = test
    const idClaims = { ...claims, ...times, at_hash: halfOf('an-access-token'), ...bent.claims }
    return {
      access_token: 'an-access-token',
      token_type: 'Bearer',
      id_token: sign(idClaims, bent.header ?? {}, bent.key ?? key),
      ...bent.token,
    }
  }
  provider.misbehave((request, response) => {
    void answer(request, response)
  })
  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks = await request.toArray()
    const reply = (body: object): void => {
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end(JSON.stringify(body))
    }
    const { url } = provider
    if (request.url === '/jwks') return reply({ keys: [published(key)] })
    if (request.url === '/token') {
      test.exchanges.push(new URLSearchParams(Buffer.concat(chunks).toString()))
      return reply(tokens())
    }
    reply({
      issuer: url,
      authorization_endpoint: `${url}/authorize`,
      token_endpoint: `${url}/token`,
      jwks_uri: `${url}/jwks`,
      end_session_endpoint: `${url}/end`,
      id_token_signing_alg_values_supported: ['ES256'],
      ...test.bent.discovery,
    })
  }
  const presented = (cookie: string | undefined, shown: Shown): Presented =>
    new Presented({
      method: shown.method ?? 'GET',
      url: () => `${APP}${shown.path ?? '/'}`,
      fields: [
        ...(cookie === undefined ? [] : [['cookie', cookie] as const]),
        ...(shown.fields ?? []),
      ],
      hasBody: false,
      peer: { address: '127.0.0.1' },
      atUs: clock.nowUs(),
    })
  const test: TestLogin = {
    issuer: provider.url,
    authenticator,
    key,
    events: [],
    faults: [],
    exchanges: [],
    requests: provider.requests,
    bent: {},
    isRecording: true,
    show: async (cookie, shown = {}) => authenticator.authenticate(presented(cookie, shown)),
    begin: async (path = '/orders?page=2', cookie?: string) => {
      const invited = await authenticator.invite(presented(cookie, { path, fields: NAVIGATION }))
      const headers = new Headers(invited?.headers?.map(([name, value]) => [name, value]))
      const to = new URL(headers.get('location') ?? 'about:blank')
      nonce = to.searchParams.get('nonce') ?? ''
      const ended = headers.getSetCookie().filter((line) => line.includes('Max-Age=0'))
      return {
        to,
        cookie: cookieOf(headers),
        ended: ended.map((line) => line.split('=', 1)[0] ?? ''),
      }
    },
    callback: async (query, cookie) => {
      const headers = cookie === undefined ? {} : { cookie }
      const asked = new URLSearchParams(query).toString()
      const request = new Request(`${OWN}/callback?${asked}`, { headers })
      return (await login.answer(request)) ?? new Response()
    },
    signIn: async () => {
      const { to, cookie } = await test.begin()
      const query = { code: 'c', state: to.searchParams.get('state') ?? '' }
      return cookieOf((await test.callback(query, cookie)).headers)
    },
    post: async (step, headers, body = '') => {
      const form = { 'content-type': 'application/x-www-form-urlencoded', ...headers }
      const request = new Request(`${OWN}/${step}`, { method: 'POST', headers: form, body })
      return (await login.answer(request)) ?? new Response()
    },
    logoutToken: (claims = {}, header = { typ: 'logout+jwt' }, by = key) => {
      const events = { 'http://schemas.openid.net/event/backchannel-logout': {} }
      const facts = { iss: provider.url, aud: CLIENT, iat: now(), exp: now() + 60, sub: 'ada' }
      return sign({ ...facts, jti: `j${Math.random()}`, events, ...claims }, header, by)
    },
    close: async () => {
      keys.close()
      await http.close()
      await provider.close()
    },
  }
  return test
}

/** Name and value of the first cookie that is set. */
export function cookieOf(headers: Headers): string {
  return (headers.getSetCookie()[0] ?? '').split(';')[0] ?? ''
}

/** OpenID Connect Core, section 3.1.3.6. */
export function halfOf(token: string): string {
  return createHash('sha256').update(token).digest().subarray(0, 16).toString('base64url')
}
