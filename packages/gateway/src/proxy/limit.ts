import type { QuotaVerdict } from '../limits/index.ts'
import { type Exchange, filled, type Step } from './exchange.ts'

/**
 * Counts the request under the quotas of its route: all of them, or none. The limits of a single
 * request are met where they are reached.
 */
export function limit(exchange: Exchange): Step | Promise<Step> {
  const { inForce, inbound, credential } = exchange
  const route = filled(exchange.route, 'route')
  const counting = inForce.quotasOf(route)
  if (counting.length === 0) return 'next'
  const verdict = filled(inForce.quotas, 'quotas').take(counting, {
    principal: filled(exchange.principal, 'principal'),
    credentialId: credential?.id,
    address: inbound.peer.address,
    route: route.name,
    method: inbound.method,
  })
  if (verdict instanceof Promise) return verdict.then((settled) => settle(exchange, settled))
  return settle(exchange, verdict)
}

function settle(exchange: Exchange, verdict: QuotaVerdict): Step {
  exchange.quotas = verdict
  return verdict.refusal === undefined ? 'next' : { stop: verdict.refusal }
}
