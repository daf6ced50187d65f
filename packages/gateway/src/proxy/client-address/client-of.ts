import type { Peer } from '../exchange.ts'
import type { HeaderFields } from '../header-fields.ts'
import type { ForwardedTrust } from './forwarded.ts'

/** The peer of one request: of a connection that trusted proxies share, as they say. */
export function clientOf(peer: Peer, fields: HeaderFields, trust: ForwardedTrust): Peer {
  const source = trust.source(peer.address, fields)
  if (source === undefined) return peer
  if (source === 'malformed') return { ...peer, last: undefined, isDoubtful: true }
  const proxies = [...source.proxies, ...(peer.proxies ?? [])]
  return { ...peer, last: undefined, address: source.address, port: 0, proxies }
}
