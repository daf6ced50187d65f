import type { ProxyContext } from './context.ts'
import type { Exchange } from './exchange.ts'

/** What stays open for what may come has limits of its own, and ends with its credential. */
export function becomeLongLived(exchange: Exchange, { clock }: ProxyContext): void {
  const { deadlines, inForce, credentialUntilUs } = exchange
  exchange.isLongLived = true
  deadlines.set('exchange', inForce.limits.streamMs, 'exchange-timeout')
  if (credentialUntilUs === undefined) return
  const leftMs = (credentialUntilUs - clock.nowUs()) / 1000
  if (leftMs < inForce.limits.streamMs) deadlines.set('credential', leftMs, 'credentials-expired')
}
