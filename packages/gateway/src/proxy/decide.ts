import type { ProxyContext } from './context.ts'
import { type Exchange, filled, type Step } from './exchange.ts'

/** Asks the policies in force. Every fact that they see is in the record. */
export function decide(exchange: Exchange, context: ProxyContext): Step {
  const { method, host, path } = filled(exchange.asked, 'asked')
  const { name, upstream } = filled(exchange.route, 'route')
  const { peer } = exchange.inbound
  const decidedAtUs = context.clock.nowUs()
  exchange.decidedAtUs = decidedAtUs
  exchange.decision = context.policies().decide({
    principal: filled(exchange.principal, 'principal'),
    action: method,
    resource: { route: name, upstream, host, path },
    context: {
      timeUs: decidedAtUs,
      address: peer.address,
      tls: peer.tls !== undefined,
      credential: exchange.credential?.method ?? 'none',
    },
  })
  return exchange.decision.allow ? 'next' : { stop: exchange.decision.reason }
}
