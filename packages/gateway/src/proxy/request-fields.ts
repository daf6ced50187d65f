import { LOGIN_COOKIE_PREFIX, LOGIN_COOKIES, withoutCookies } from '../identity/index.ts'
import { forwardedFields } from './client-address/forwarded-fields.ts'
import { egressRequestFields } from './egress/egress-fields.ts'
import { type Exchange, filled, type Inbound } from './exchange.ts'
import { isOursToAsk } from './field-names.ts'
import { endToEnd, type HeaderFields } from './header-fields.ts'
import { handshakeFields } from './websocket/handshake.ts'

/** What the upstream gets: the caller's fields that are nobody's claim, then ours. */
export function requestFields(exchange: Exchange, statement: string | undefined): HeaderFields {
  const { inbound, id, inForce } = exchange
  const asked = filled(exchange.asked, 'asked')
  const principal = filled(exchange.principal, 'principal')
  const route = filled(exchange.route, 'route')
  const kept = passingOf(inbound)
  const { webSocket } = asked
  const passed = webSocket === undefined ? kept : handshakeFields(webSocket, kept, route)
  const rules = inForce.fieldsOf(route).request
  const ruled = rules === undefined ? passed : rules.apply(passed)
  const signed = statement === undefined ? [] : ([['countersign-identity', statement]] as const)
  const egress = inForce.egressOf(route)
  // Who asks, from where, and in whose trace: only what the route says that it signs goes out.
  if (egress !== undefined) {
    return [...egressRequestFields(egress, ruled), ['x-request-id', id], ...signed]
  }
  return [
    ...ruled,
    ['x-request-id', id],
    ['traceparent', asked.traceparent],
    ...forwardedFields(inbound.peer, asked.authority, route.forwarded),
    ['countersign-principal', encodeURIComponent(principal.id)],
    ['countersign-principal-kind', principal.kind],
    ...signed,
  ]
}

function passingOf({ fields, standing }: Inbound): HeaderFields {
  const passing = standing?.passing ?? withoutLogin(endToEnd(fields, isOursToAsk))
  if (standing !== undefined) standing.passing = passing
  return passing
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
