import type { StatefulAuthorizationCall } from '@cedar-policy/cedar-wasm/nodejs'
import type { Method } from './schema.ts'

/** Everything a policy may know about one request. Time is a fact like any other. */
export interface Question {
  readonly principal: {
    readonly id: string
    readonly kind: 'user' | 'service' | 'anonymous'
    readonly issuer: string
    readonly groups: readonly string[]
    readonly roles: readonly string[]
  }
  readonly action: Method
  readonly resource: {
    readonly route: string
    readonly upstream: string
    readonly host: string
    readonly path: string
  }
  readonly context: {
    /** Microseconds since 1970; policies see milliseconds. */
    readonly timeUs: number
    readonly address: string
    readonly tls: boolean
    readonly credential: string
  }
}

type Call = Pick<
  StatefulAuthorizationCall,
  'principal' | 'action' | 'resource' | 'context' | 'entities'
>

/** The question in the engine's words. */
export function toCall({ principal, action, resource, context }: Question): Call {
  const user = { type: 'User', id: principal.id }
  const route = { type: 'Route', id: resource.route }
  const { kind, issuer, groups, roles } = principal
  const { upstream, host, path } = resource
  return {
    principal: user,
    action: { type: 'Action', id: action },
    resource: route,
    context: {
      time: { __extn: { fn: 'datetime', arg: formatTime(context.timeUs) } },
      address: { __extn: { fn: 'ip', arg: context.address } },
      tls: context.tls,
      credential: context.credential,
    },
    entities: [
      {
        uid: user,
        attrs: { kind, issuer, groups: [...groups], roles: [...roles] },
        parents: groups.map((id) => ({ type: 'Group', id })),
      },
      { uid: route, attrs: { upstream, host, path }, parents: [] },
    ],
  }
}

/**
 * The bytes that the digest of an authorisation request covers: a salt, the set asked, the call.
 * The call holds personal facts, and the digest outlives them: without the salt it would let
 * somebody who guesses them know that the guess is right.
 */
export function encodeQuestion(salt: string, policySet: string, question: Question): Uint8Array {
  return new TextEncoder().encode(JSON.stringify([salt, policySet, toCall(question)]))
}

function formatTime(timeUs: number): string {
  return new Date(Math.floor(timeUs / 1000)).toISOString()
}
