import { KeptFields, type MadeLines } from '../http1/index.ts'
import { LOGIN_COOKIE_PREFIX, type Principal, withoutCookies } from '../identity/index.ts'
import type { UpstreamRequest } from '../upstream/index.ts'
import { forwardedFields } from './client-address/forwarded-fields.ts'
import { egressRequestFields } from './egress/egress-fields.ts'
import { type Exchange, filled, type Inbound, type Peer } from './exchange.ts'
import { isOursToAsk, lookAlike } from './field-names.ts'
import { endToEnd, type HeaderFields, valuesOf } from './header-fields.ts'
import type { RouteConfig } from './proxy-config.ts'
import { isContinued } from './trace-context.ts'
import { handshakeFields } from './websocket/handshake.ts'

/** What of the upstream's fields is known before the intent is written. */
export interface OutgoingFields {
  readonly kept: readonly KeptFields[]
  /** After the fields of our own. */
  readonly trace: MadeLines
}

/** What the upstream gets: the caller's fields that are nobody's claim, then ours. */
export function requestFields(
  exchange: Exchange,
  statement: string | undefined,
): Pick<UpstreamRequest, 'kept' | 'made'> {
  const { kept, trace } = exchange.outgoing ?? outgoingFields(exchange)
  const identity = statement === undefined ? '' : `countersign-identity: ${statement}\r\n`
  return { kept, made: `x-request-id: ${exchange.id}\r\n${identity}${trace}` }
}

/** Made while what it is made of is at hand: when the intent is written, others were served. */
export function outgoingFields(exchange: Exchange): OutgoingFields {
  const { inbound, inForce } = exchange
  const route = filled(exchange.route, 'route')
  const passed = passedFields(exchange, route)
  const egress = inForce.egressOf(route)
  // Who asks, from where, and in whose trace: only what the route says that it signs goes out.
  if (egress !== undefined) {
    return { kept: [new KeptFields(egressRequestFields(egress, passed.fields))], trace: '' }
  }
  const { traceparent, authority } = filled(exchange.asked, 'asked')
  const origin = originFields(inbound.peer, authority, route.forwarded)
  const caller = callerFields(filled(exchange.principal, 'principal'), inbound.standing)
  return { kept: [passed, origin, caller], trace: `traceparent: ${traceparent}\r\n` }
}

function passedFields({ inbound, asked, inForce }: Exchange, route: RouteConfig): KeptFields {
  const kept = passingOf(inbound)
  const { webSocket } = filled(asked, 'asked')
  const rules = inForce.fieldsOf(route).request
  if (webSocket === undefined && rules === undefined) return kept
  const passed =
    webSocket === undefined ? kept.fields : handshakeFields(webSocket, kept.fields, route)
  return new KeptFields(rules === undefined ? passed : rules.apply(passed))
}

function passingOf({ fields, standing, peer: { last } }: Inbound): KeptFields {
  if (standing?.passing !== undefined) return standing.passing
  const passing = withoutLogin(withoutLostTrace(endToEnd(fields, isOursToAsk), fields))
  if (standing === undefined) return new KeptFields(passing)
  // Without the credential the fields of many callers are the same.
  const former = last?.passing
  const isSame = former !== undefined && areSame(former.fields, passing)
  const kept = isSame ? former : new KeptFields(passing)
  if (last !== undefined) last.passing = kept
  standing.passing = kept
  return kept
}

/**
 * Vendors' parts of a trace that does not go on would be taken for parts of ours.
 *
 * @see W3C Trace Context, section 4.3
 */
export function withoutLostTrace(passing: HeaderFields, received: HeaderFields): HeaderFields {
  if (!passing.some(isTraceState) || isContinued(valuesOf(received, 'traceparent'))) return passing
  return passing.filter((field) => !isTraceState(field))
}

function isTraceState([name]: HeaderFields[number]): boolean {
  return name.length === 10 && lookAlike(name) === 'tracestate'
}

function areSame(one: HeaderFields, other: HeaderFields): boolean {
  if (one.length !== other.length) return false
  return one.every(([name, value], at) => name === other[at]?.[0] && value === other[at]?.[1])
}

/** Of each connection the last: its requests mostly ask the same host. */
export interface LastOrigin {
  readonly authority: string
  readonly choice: RouteConfig['forwarded']
  readonly kept: KeptFields
}

/** Where it comes from. */
function originFields(peer: Peer, authority: string, choice: RouteConfig['forwarded']): KeptFields {
  const { last } = peer
  const known = last?.origin
  if (known?.authority === authority && known.choice === choice) return known.kept
  const kept = new KeptFields(forwardedFields(peer, authority, choice))
  if (last !== undefined) last.origin = { authority, choice, kept }
  return kept
}

/** Who showed these header fields the last time, mostly the same as this time. */
export interface LastCaller {
  readonly principal: Principal
  readonly kept: KeptFields
}

/** Who asks. */
function callerFields(principal: Principal, standing: Inbound['standing']): KeptFields {
  const known = standing?.caller
  if (known?.principal === principal) return known.kept
  const kept = new KeptFields([
    ['countersign-principal', encodeURIComponent(principal.id)],
    ['countersign-principal-kind', principal.kind],
  ])
  if (standing !== undefined) standing.caller = { principal, kept }
  return kept
}

/** Cookies of a login are between the browser and the gateway; the others go on as they came. */
function withoutLogin(fields: HeaderFields): HeaderFields {
  if (!fields.some(([, value]) => value.includes(LOGIN_COOKIE_PREFIX))) return fields
  return fields.flatMap(([name, value]) => {
    if (name.toLowerCase() !== 'cookie') return [[name, value] as const]
    const rest = withoutCookies(value, LOGIN_COOKIE_PREFIX)
    return rest === undefined ? [] : [[name, rest] as const]
  })
}
