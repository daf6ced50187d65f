import { KeptFields } from '../http1/index.ts'
import {
  LOGIN_COOKIE_PREFIX,
  LOGIN_COOKIES,
  type Principal,
  withoutCookies,
} from '../identity/index.ts'
import type { UpstreamRequest } from '../upstream/index.ts'
import { forwardedFields } from './client-address/forwarded-fields.ts'
import { egressRequestFields } from './egress/egress-fields.ts'
import { type Exchange, filled, type Inbound, type Peer } from './exchange.ts'
import { isOursToAsk } from './field-names.ts'
import { endToEnd, type HeaderFields } from './header-fields.ts'
import type { RouteConfig } from './proxy-config.ts'
import { handshakeFields } from './websocket/handshake.ts'

/** What the upstream gets: the caller's fields that are nobody's claim, then ours. */
export function requestFields(
  exchange: Exchange,
  statement: string | undefined,
): Pick<UpstreamRequest, 'fields' | 'kept'> {
  const { inbound, id, inForce } = exchange
  const route = filled(exchange.route, 'route')
  const passed = passedFields(exchange, route)
  const egress = inForce.egressOf(route)
  const fields: [string, string][] = [['x-request-id', id]]
  if (statement !== undefined) fields.push(['countersign-identity', statement])
  // Who asks, from where, and in whose trace: only what the route says that it signs goes out.
  if (egress !== undefined) {
    return { kept: [new KeptFields(egressRequestFields(egress, passed.fields))], fields }
  }
  const asked = filled(exchange.asked, 'asked')
  fields.push(['traceparent', asked.traceparent])
  const principal = filled(exchange.principal, 'principal')
  const { authority } = asked
  return {
    kept: [passed, callerFields({ peer: inbound.peer, principal, authority, route })],
    fields,
  }
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

function passingOf({ fields, standing }: Inbound): KeptFields {
  const passing = standing?.passing ?? new KeptFields(withoutLogin(endToEnd(fields, isOursToAsk)))
  if (standing !== undefined) standing.passing = passing
  return passing
}

interface Caller {
  readonly peer: Peer
  readonly principal: Principal
  readonly authority: string
  readonly route: RouteConfig
}

/** Of each connection the last: most of its requests are of the same caller. */
const lastCallers = new WeakMap<Peer, { readonly caller: Caller; readonly kept: KeptFields }>()

/** Who asks, and from where. */
function callerFields(caller: Caller): KeptFields {
  const { peer, principal, authority, route } = caller
  const last = lastCallers.get(peer)
  if (last !== undefined && isSame(last.caller, caller)) return last.kept
  const kept = new KeptFields([
    ...forwardedFields(peer, authority, route.forwarded),
    ['countersign-principal', encodeURIComponent(principal.id)],
    ['countersign-principal-kind', principal.kind],
  ])
  lastCallers.set(peer, { caller, kept })
  return kept
}

function isSame(one: Caller, other: Caller): boolean {
  return (
    one.principal === other.principal &&
    one.route === other.route &&
    one.authority === other.authority
  )
}

/** Cookies of a login are between the browser and the gateway; the others go on as they came. */
function withoutLogin(fields: HeaderFields): HeaderFields {
  if (!fields.some(([, value]) => value.includes(LOGIN_COOKIE_PREFIX))) return fields
  return fields.flatMap(([name, value]) => {
    if (name.toLowerCase() !== 'cookie') return [[name, value] as const]
    const rest = withoutCookies(value, LOGIN_COOKIES)
    return rest === undefined ? [] : [[name, rest] as const]
  })
}
