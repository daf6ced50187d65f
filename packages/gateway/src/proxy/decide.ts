import { type Decision, type Question, readParameters } from '../policy/index.ts'
import type { ProxyContext } from './context.ts'
import { type Exchange, filled, type Step } from './exchange.ts'
import { operationOf } from './operations.ts'
import { receivedHeaders, recordedHeaders, recordedPath } from './recorded-text.ts'
import { outgoingFields } from './request-fields.ts'

const REQUEST_SALT_DIGITS = 32

/**
 * Asks the policies in force. They see the request as it is recorded, no more and no less: what a
 * record cannot hold whole is not decided on.
 */
export function decide(exchange: Exchange, context: ProxyContext): Step {
  const atUs = context.clock.nowUs()
  const principal = filled(exchange.principal, 'principal')
  exchange.breakGlass = context.breakGlass.activeOf(principal, atUs)
  const question = makeQuestion(exchange, context, atUs)
  if (question === undefined) return { stop: 'record-too-large' }
  const { allow, reason } = ask(exchange, context, question)
  const received = asReceived(exchange, question)
  if (allow && received !== undefined && isOtherwise(exchange, received)) {
    return { stop: 'redaction-matters' }
  }
  if (allow) exchange.outgoing = outgoingFields(exchange)
  // What is asked for, and by whom, is for the next stage.
  return allow || reason === 'approval-needed' ? 'next' : { stop: reason }
}

/** The same question, without any grant. */
export function decideAlone(exchange: Exchange, context: ProxyContext): void {
  const question = filled(exchange.question, 'question')
  ask(exchange, context, { ...question, context: { ...question.context, grants: [] } })
}

function ask(exchange: Exchange, context: ProxyContext, question: Question): Decision {
  const salt = context.hex.digits(REQUEST_SALT_DIGITS)
  exchange.question = question
  exchange.requestSalt = salt
  const decision = exchange.inForce.policies.decide(question, salt)
  exchange.decision = decision
  return decision
}

/**
 * The question with what is redacted in it; undefined where nothing is. A text that only looks
 * like a credential must not get past a policy by that.
 */
function asReceived(exchange: Exchange, question: Question): Question | undefined {
  const { path } = filled(exchange.asked, 'asked')
  const route = filled(exchange.route, 'route')
  const headers = receivedHeaders(exchange.inbound.fields, question.context.headers)
  const { resource, context } = question
  if (path === resource.path && headers === undefined) return undefined
  const operation = operationOf(route, question.action, path)
  const pattern = operation?.path ?? route.path
  return {
    ...question,
    resource: { ...resource, path, parameters: readParameters(pattern, path) },
    context: { ...context, operation: operation?.name, headers: headers ?? context.headers },
  }
}

function isOtherwise({ inForce, decision, requestSalt }: Exchange, question: Question): boolean {
  const { reason, approvals } = inForce.policies.decide(question, filled(requestSalt, 'salt'))
  return reason !== decision?.reason || approvals.join() !== decision.approvals.join()
}

function makeQuestion(
  exchange: Exchange,
  { approvals }: ProxyContext,
  timeUs: number,
): Question | undefined {
  const { inbound, credential } = exchange
  const { method, host, path } = filled(exchange.asked, 'asked')
  const route = filled(exchange.route, 'route')
  const seenPath = recordedPath(path)
  const headers = recordedHeaders(inbound.fields, route.headers)
  if (seenPath.isCut || headers.isCut) return undefined
  const operation = operationOf(route, method, seenPath.text)
  const principal = filled(exchange.principal, 'principal')
  // Grants cover the path as it is forwarded, redacted or not.
  const request = { principal, method, path }
  return {
    principal,
    action: method,
    resource: {
      route: route.name,
      upstream: route.upstream,
      host,
      path: seenPath.text,
      parameters: readParameters(operation?.path ?? route.path, seenPath.text),
    },
    context: {
      timeUs,
      address: inbound.peer.address,
      tls: inbound.peer.tls,
      operation: operation?.name,
      credential: credential?.method ?? 'none',
      mfaAtUs: credential?.mfaAtUs,
      headers: headers.values,
      grants: approvals.inForce(request, timeUs),
      breakGlass: exchange.breakGlass !== undefined,
    },
  }
}
