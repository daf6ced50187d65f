import type { Question } from '../policy/index.ts'
import type { ProxyContext } from './context.ts'
import { type Exchange, filled, type Step } from './exchange.ts'

const REQUEST_SALT_BYTES = 16

/** Asks the policies in force. Every fact that they see is in the record. */
export function decide(exchange: Exchange, context: ProxyContext): Step {
  const { method, host, path } = filled(exchange.asked, 'asked')
  const { name, upstream } = filled(exchange.route, 'route')
  const { peer } = exchange.inbound
  const decidedAtUs = context.clock.nowUs()
  exchange.decidedAtUs = decidedAtUs
  const salt = Buffer.from(context.random.bytes(REQUEST_SALT_BYTES)).toString('hex')
  exchange.requestSalt = salt
  const question: Question = {
    principal: filled(exchange.principal, 'principal'),
    action: method,
    resource: { route: name, upstream, host, path },
    context: {
      timeUs: decidedAtUs,
      address: peer.address,
      tls: peer.tls !== undefined,
      credential: exchange.credential?.method ?? 'none',
    },
  }
  exchange.decision = exchange.inForce.policies.decide(question, salt)
  return exchange.decision.allow ? 'next' : { stop: exchange.decision.reason }
}
