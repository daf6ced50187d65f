import type { QuotaVerdict } from '../limits/index.ts'
import type { ProxyContext } from './context.ts'
import { type Exchange, filled, type Step } from './exchange.ts'

/**
 * Counts the request under the quotas of its route: all of them, or none. The limits of a single
 * request are met where they are reached.
 */
export function limit(exchange: Exchange, context: ProxyContext): Step | Promise<Step> {
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
  if (verdict instanceof Promise)
    return verdict.then((settled) => settle(exchange, context, settled))
  return settle(exchange, context, verdict)
}

function settle(exchange: Exchange, context: ProxyContext, verdict: QuotaVerdict): Step {
  const { fault: cause } = verdict
  if (cause !== undefined) {
    context.report({ event: 'limits-unavailable', exchange: exchange.id, cause })
  }
  exchange.quotas = verdict
  return verdict.refusal === undefined ? 'next' : { stop: verdict.refusal }
}
