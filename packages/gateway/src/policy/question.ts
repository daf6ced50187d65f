import type { CedarValueJson, StatefulAuthorizationCall } from '@cedar-policy/cedar-wasm/nodejs'
import type { Method } from './schema.ts'

/** Everything a policy may know about one request. Time is a fact like any other. */
export interface Question {
  readonly principal: Asker
  readonly action: Method
  readonly resource: {
    readonly route: string
    readonly upstream: string
    readonly host: string
    readonly path: string
    /** Of the route's path: `id` of `/orders/{id}`. */
    readonly parameters: Named<string>
  }
  readonly context: {
    /** Microseconds since 1970; policies see milliseconds. */
    readonly timeUs: number
    readonly address: string
    /** Undefined where the connection is not encrypted. */
    readonly tls: TlsSeen | undefined
    /** As the route names it; undefined where it names none that this request is. */
    readonly operation?: string | undefined
    /** The method of the credential, or `none`. */
    readonly credential: string
    /** Microseconds since 1970, of the last authentication with more than one factor. */
    readonly mfaAtUs: number | undefined
    /** Those that the route names, in lower case; values in the order they came. */
    readonly headers: Named<readonly string[]>
    /** Templates of the approvals that are in force for this principal and request. */
    readonly grants: readonly string[]
    /** The principal has an emergency access in force. */
    readonly breakGlass: boolean
  }
}

/** Who asks. One object for each identity, not for each request, is what makes this fast. */
export interface Asker {
  readonly id: string
  readonly kind: 'user' | 'service' | 'anonymous'
  readonly issuer: string
  readonly groups: readonly string[]
  readonly roles: readonly string[]
  readonly scopes: readonly string[]
  readonly claims: Named<readonly string[]>
}

export interface TlsSeen {
  readonly version: string
  readonly cipher: string
  readonly serverName?: string
  readonly alpn?: string
  readonly clientCertificateSha256?: string
}

export interface Named<T> {
  readonly [name: string]: T
}

/** The entity types of principals, by kind. */
export const ENTITY_TYPES = { user: 'User', service: 'Service', anonymous: 'Anonymous' } as const

/** The entity whose tags are the headers. */
export const HEADERS = { type: 'Headers', id: 'request' } as const

type Call = Pick<
  StatefulAuthorizationCall,
  'principal' | 'action' | 'resource' | 'context' | 'entities'
>

/** The question in the engine's words. */
export function toCall({ principal, action, resource, context }: Question): Call {
  const user = { type: ENTITY_TYPES[principal.kind], id: principal.id }
  const route = { type: 'Route', id: resource.route }
  const { kind, issuer, groups, roles, scopes, claims } = principal
  const { upstream, host, path, parameters } = resource
  const mfaAgeMs = mfaAgeMsOf(context)
  return {
    principal: user,
    action: { type: 'Action', id: action },
    resource: route,
    context: {
      time: extension('datetime', formatTime(context.timeUs)),
      address: extension('ip', context.address),
      tls: context.tls !== undefined,
      ...(context.operation === undefined ? {} : { operation: context.operation }),
      ...(context.tls === undefined ? {} : { connection: connectionOf(context.tls) }),
      credential: context.credential,
      scopes: [...scopes],
      ...(mfaAgeMs === undefined ? {} : { mfaAge: extension('duration', `${mfaAgeMs}ms`) }),
      headers: { __entity: HEADERS },
      grants: [...context.grants],
      breakGlass: context.breakGlass,
    },
    entities: [
      {
        uid: user,
        attrs: { kind, issuer, groups: [...groups], roles: [...roles] },
        parents: [
          ...groups.map((id) => ({ type: 'Group', id })),
          ...roles.map((id) => ({ type: 'Role', id })),
        ],
        tags: setsOf(claims),
      },
      {
        uid: route,
        attrs: { upstream, host, path },
        parents: [{ type: 'Upstream', id: upstream }],
        tags: { ...parameters },
      },
      { uid: HEADERS, attrs: {}, parents: [], tags: setsOf(context.headers) },
    ],
  }
}

/** Whole milliseconds; an authentication that lies ahead of our clock is of this moment. */
export function mfaAgeMsOf({ timeUs, mfaAtUs }: Question['context']): number | undefined {
  return mfaAtUs === undefined ? undefined : Math.max(0, Math.floor((timeUs - mfaAtUs) / 1000))
}

/** In a fixed order, and nothing but what the schema knows. */
export function connectionOf(tls: TlsSeen): Record<string, string> {
  const { version, cipher, serverName, alpn, clientCertificateSha256 } = tls
  return {
    version,
    cipher,
    ...(serverName === undefined ? {} : { serverName }),
    ...(alpn === undefined ? {} : { alpn }),
    ...(clientCertificateSha256 === undefined ? {} : { clientCertificateSha256 }),
  }
}

function setsOf(lists: Named<readonly string[]>): Record<string, CedarValueJson> {
  return Object.fromEntries(Object.entries(lists).map(([name, values]) => [name, [...values]]))
}

function extension(fn: string, arg: string): CedarValueJson {
  return { __extn: { fn, arg } }
}

function formatTime(timeUs: number): string {
  return new Date(Math.floor(timeUs / 1000)).toISOString()
}
