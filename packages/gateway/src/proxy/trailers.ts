import { type Exchange, filled } from './exchange.ts'
import type { HeaderFields } from './header-fields.ts'

/** What a call of gRPC ends with. */
const OF_GRPC = ['grpc-status', 'grpc-message', 'grpc-status-details-bin']
/** Further ones of one message are a fault of the sender, and go nowhere. */
const TRAILERS_MAX = 100

/**
 * The trailers that go on: those that the route lists, and of responses those of gRPC. A trailer
 * is never merged into the head, and never says what only a head may.
 */
export function passTrailers(
  exchange: Exchange,
  trailers: HeaderFields,
  direction: 'request' | 'response',
): HeaderFields {
  if (trailers.length === 0 || trailers.length > TRAILERS_MAX) return []
  const { trailers: listed } = filled(exchange.route, 'route')
  const isListed = (name: string): boolean => {
    return listed.includes(name) || (direction === 'response' && OF_GRPC.includes(name))
  }
  return trailers.filter(([name]) => isListed(name.toLowerCase()))
}
