import type { ProxyContext } from './context.ts'
import type { Exchange } from './exchange.ts'

/** What stays open for what may come has limits of its own, and ends with its credential. */
export function becomeLongLived(exchange: Exchange, { clock }: ProxyContext): void {
  const { deadlines, inForce, credentialUntilUs, grpc, startedMs } = exchange
  exchange.isLongLived = true
  const askedMs = (grpc?.timeoutMs ?? Number.POSITIVE_INFINITY) - (clock.ticksMs() - startedMs)
  deadlines.set('exchange', Math.min(inForce.limits.streamMs, askedMs), 'exchange-timeout')
  if (credentialUntilUs === undefined) return
  const leftMs = (credentialUntilUs - clock.nowUs()) / 1000
  if (leftMs < inForce.limits.streamMs) deadlines.set('credential', leftMs, 'credentials-expired')
}
