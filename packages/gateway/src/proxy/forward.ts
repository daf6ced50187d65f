import { UpstreamFault } from '../upstream/index.ts'
import type { ProxyContext } from './context.ts'
import { egressResponseFields } from './egress/egress-fields.ts'
import { type Exchange, filled, type Step } from './exchange.ts'
import { forwardedAuthority, forwardedTarget } from './forwarding.ts'
import type { HeaderFields } from './header-fields.ts'
import { becomeLongLived } from './long-lived.ts'
import type { RouteConfig } from './proxy-config.ts'
import { passBody, responseHeadMs } from './request-body.ts'
import { requestFields } from './request-fields.ts'
import { releaseReserved } from './reserve.ts'
import { passTrailers } from './trailers.ts'
import { type RequestBody, UpstreamCall } from './upstream-call.ts'

const NO_FIELDS: HeaderFields = []

/** Sends the request on, its intent being durable, and waits for the head of the response. */
export function forward(exchange: Exchange, context: ProxyContext): Step | Promise<Step> {
  const { cut, deadlines, marks } = exchange
  if (cut.reason !== undefined) return { stop: cut.reason }
  const { method, bodyBytes, takesTrailers } = filled(exchange.asked, 'asked')
  const upstream = filled(exchange.upstream, 'upstream')
  const route = filled(exchange.route, 'route')
  marks.startMs = context.clock.ticksMs()
  const hasBody = bodyBytes === undefined || bodyBytes > 0
  if (!hasBody) {
    deadlines.set('head', responseHeadMs(exchange), 'upstream-timeout', marks.startMs)
  }
  // Of a call nobody knows whether it is a stream: silence between messages is no fault.
  if (exchange.grpc !== undefined) becomeLongLived(exchange, context)
  if (cut.reason !== undefined) return { stop: cut.reason }
  releaseReserved(exchange)
  const { kept, made } = requestFields(exchange, statementOf(exchange, context))
  const call = UpstreamCall.send(
    upstream.client,
    {
      method,
      authority: forwardedAuthority(exchange),
      target: forwardedTarget(exchange),
      fields: NO_FIELDS,
      kept,
      made,
      bodyBytes,
      takesTrailers,
      sinceMs: marks.startMs,
      upgrade: exchange.asked?.webSocket === undefined ? undefined : 'websocket',
    },
    hasBody ? bodyOf(exchange, context) : undefined,
    route.retry,
    route.earlyHints === 'passed' ? hintsOf(exchange, route) : undefined,
  )
  exchange.call = call
  cut.onMade(() => call.abort(cut.reason ?? 'internal-error'))
  const course = filled(exchange.course, 'course')
  call.onHead((head, isWhole) => {
    deadlines.meet('head')
    let step: Step = 'next'
    if (head instanceof UpstreamFault) step = { stop: faultReason(exchange, context, head) }
    else {
      exchange.response = head
      marks.headMs = context.clock.ticksMs()
    }
    if (isWhole) course.follow(step)
    // What came together with the head is taken in first.
    else void NOW.then(() => course.follow(step))
  })
  return 'later'
}

const NOW = Promise.resolve()

function bodyOf(exchange: Exchange, context: ProxyContext): RequestBody {
  const trailers = () => passTrailers(exchange, exchange.inbound.trailers(), 'request')
  return { chunks: passBody(exchange, context), trailers }
}

/** What passes of early hints. */
function hintsOf(
  { outbound, inForce }: Exchange,
  route: RouteConfig,
): (fields: HeaderFields) => void {
  const egress = inForce.egressOf(route)
  return (all) => {
    const fields = egress === undefined ? all : egressResponseFields(egress, all)
    // Who calls this reads what an upstream sends: it must not be thrown at.
    const links = fields.filter(([name, value]) => {
      return name.toLowerCase() === 'link' && !/[\0\r\n]/.test(value)
    })
    if (links.length > 0) outbound.hint?.(links)
  }
}

/** What the upstream can check, where the route says so. */
function statementOf(exchange: Exchange, { clock }: ProxyContext): string | undefined {
  const { inForce, credential } = exchange
  const { identity, upstream } = filled(exchange.route, 'route')
  if (identity === 'none') return undefined
  const { method } = filled(exchange.asked, 'asked')
  return filled(inForce.statements, 'statements').sign({
    principal: filled(exchange.principal, 'principal'),
    credential,
    audience: upstream,
    method,
    target: forwardedTarget(exchange),
    requestId: exchange.id,
    recorded: filled(exchange.intent, 'intent'),
    atUs: clock.nowUs(),
  })
}

/** In our words; and in the operator's log what the upstream's side of it was. */
export function faultReason(
  { id, cut }: Exchange,
  context: ProxyContext,
  fault: unknown,
): UpstreamFault['reason'] {
  if (!(fault instanceof UpstreamFault)) throw fault
  if (cut.reason === undefined) {
    context.report({ event: 'upstream-failed', exchange: id, cause: fault })
  }
  return cut.reason ?? fault.reason
}
