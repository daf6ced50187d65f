import type { ProxyContext } from './context.ts'
import type { Exchange } from './exchange.ts'
import type { InForce } from './in-force.ts'

/**
 * What stays open for what may come has limits of its own, and ends with its credential. What is
 * in force may be another configuration than when it was accepted: then it is cut where that one
 * would not let it begin.
 */
export function becomeLongLived(exchange: Exchange, { clock, inForce: now }: ProxyContext): void {
  const { deadlines, inForce, credentialUntilUs, grpc, startedMs } = exchange
  exchange.isLongLived = true
  const askedMs = (grpc?.timeoutMs ?? Number.POSITIVE_INFINITY) - (clock.ticksMs() - startedMs)
  deadlines.set('exchange', Math.min(inForce.limits.streamMs, askedMs), 'exchange-timeout')
  if (now() !== inForce) askAgain(exchange, now(), clock.nowUs())
  if (credentialUntilUs === undefined) return
  const leftMs = (credentialUntilUs - clock.nowUs()) / 1000
  if (leftMs < inForce.limits.streamMs) deadlines.set('credential', leftMs, 'credentials-expired')
}

/** Cuts what would not be let begin now. What was granted for it stays granted. */
export function askAgain(exchange: Exchange, next: InForce, timeUs: number): void {
  const { asked, question, use, requestSalt, cut, route } = exchange
  if (asked === undefined || question === undefined || requestSalt === undefined) return
  const found = next.routes.find(asked.host, asked.path)
  if (found?.name !== route?.name || found?.upgrade !== route?.upgrade) {
    cut.make('route-not-found')
    return
  }
  const context = { ...question.context, timeUs }
  const { allow, reason } = next.policies.decide({ ...question, context }, requestSalt)
  const isGranted = reason === 'approval-needed' && use !== undefined
  if (!allow && !isGranted) cut.make(reason)
}
