import type { Endpoint } from './endpoint.ts'
import type { UpstreamConfig } from './upstream-config.ts'

/** What decides between endpoints, beside their own state. */
export interface Balancing {
  readonly balance: UpstreamConfig['balance']
  readonly connectionsMax: number
  readonly slowStartMs: number
}

/**
 * The endpoint that is next, of those with a free connection and not in `tried`; undefined where
 * none is. Allocates nothing. With several it is smooth round robin: shares are as the weights,
 * and the turns of one endpoint lie as far apart as they can.
 */
export function nextInTurn(
  endpoints: readonly Endpoint[],
  { connectionsMax, slowStartMs }: Balancing,
  nowMs: number,
  tried: readonly Endpoint[],
): Endpoint | undefined {
  let best: Endpoint | undefined
  let total = 0
  for (let at = 0; at < endpoints.length; at += 1) {
    const endpoint = endpoints[at]
    if (endpoint === undefined || endpoint.active >= connectionsMax) continue
    if (tried.length > 0 && tried.includes(endpoint)) continue
    const weight = slowStartMs === 0 ? endpoint.weight : endpoint.weightAt(nowMs, slowStartMs)
    endpoint.turn += weight
    total += weight
    if (best === undefined || endpoint.turn > best.turn) best = endpoint
  }
  if (best !== undefined) best.turn -= total
  return best
}

/** The one with the fewest calls for its weight; among equals the one that has had fewer. */
export function leastBusy(
  endpoints: readonly Endpoint[],
  { connectionsMax, slowStartMs }: Balancing,
  nowMs: number,
  tried: readonly Endpoint[],
): Endpoint | undefined {
  let best: Endpoint | undefined
  let bestLoad = Number.POSITIVE_INFINITY
  for (let at = 0; at < endpoints.length; at += 1) {
    const endpoint = endpoints[at]
    if (endpoint === undefined || endpoint.active >= connectionsMax) continue
    if (tried.length > 0 && tried.includes(endpoint)) continue
    const weight = slowStartMs === 0 ? endpoint.weight : endpoint.weightAt(nowMs, slowStartMs)
    const load = (endpoint.active + 1) / weight
    const isEarlier = load === bestLoad && best !== undefined && endpoint.requests < best.requests
    if (load > bestLoad || (load === bestLoad && !isEarlier)) continue
    best = endpoint
    bestLoad = load
  }
  return best
}
