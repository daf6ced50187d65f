import { egressResponseFields } from './egress/egress-fields.ts'
import { type Exchange, filled } from './exchange.ts'
import type { HeaderFields } from './header-fields.ts'

/** What a call of gRPC ends with. */
const OF_GRPC = ['grpc-status', 'grpc-message', 'grpc-status-details-bin']
/**
 * The trailers that go on: those that the route lists, and of responses those of gRPC. A trailer
 * is never merged into the head, and never says what only a head may. More than a head may have
 * end a request, and are left out of a response.
 */
export function passTrailers(
  exchange: Exchange,
  trailers: HeaderFields,
  direction: 'request' | 'response',
): HeaderFields {
  if (trailers.length === 0) return []
  if (trailers.length > exchange.inForce.limits.headersMax) {
    if (direction === 'request') exchange.cut.make('head-too-large')
    return []
  }
  const route = filled(exchange.route, 'route')
  const { trailers: listed } = route
  const isListed = (name: string): boolean => {
    return listed.includes(name) || (direction === 'response' && OF_GRPC.includes(name))
  }
  const passed = trailers.filter(([name]) => isListed(name.toLowerCase()))
  const egress = direction === 'response' ? exchange.inForce.egressOf(route) : undefined
  return egress === undefined ? passed : egressResponseFields(egress, passed)
}
