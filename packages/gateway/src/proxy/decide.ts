import { type Question, readParameters } from '../policy/index.ts'
import type { ProxyContext } from './context.ts'
import { type Exchange, filled, type Step } from './exchange.ts'
import { recordedHeaders, recordedPath } from './recorded-text.ts'

const REQUEST_SALT_BYTES = 16

/**
 * Asks the policies in force. They see the request as it is recorded, no more and no less: what a
 * record cannot hold whole is not decided on.
 */
export function decide(exchange: Exchange, context: ProxyContext): Step {
  const question = makeQuestion(exchange, context.clock.nowUs())
  if (question === undefined) return { stop: 'record-too-large' }
  const salt = Buffer.from(context.random.bytes(REQUEST_SALT_BYTES)).toString('hex')
  exchange.question = question
  exchange.requestSalt = salt
  exchange.decision = exchange.inForce.policies.decide(question, salt)
  return exchange.decision.allow ? 'next' : { stop: exchange.decision.reason }
}

function makeQuestion(exchange: Exchange, timeUs: number): Question | undefined {
  const { inbound, credential } = exchange
  const { method, host, path } = filled(exchange.asked, 'asked')
  const route = filled(exchange.route, 'route')
  const seenPath = recordedPath(path)
  const headers = recordedHeaders(inbound.fields, route.headers)
  if (seenPath.isCut || headers.isCut) return undefined
  return {
    principal: filled(exchange.principal, 'principal'),
    action: method,
    resource: {
      route: route.name,
      upstream: route.upstream,
      host,
      path: seenPath.text,
      parameters: readParameters(route.path, seenPath.text),
    },
    context: {
      timeUs,
      address: inbound.peer.address,
      tls: inbound.peer.tls,
      credential: credential?.method ?? 'none',
      mfaAtUs: credential?.mfaAtUs,
      headers: headers.values,
      grants: [],
      breakGlass: false,
    },
  }
}
