import type { ProxyContext } from './context.ts'
import type { Exchange, Step } from './exchange.ts'

const OVERLOADED: Step = { stop: 'overloaded' }

/**
 * Before anything is read of a request: what cannot be done in time is not begun. Its connection
 * may stay, for another one would cost more than the next refusal.
 */
export function shed(exchange: Exchange, { load }: ProxyContext): Step | Promise<Step> {
  if (load.overload === undefined) return 'next'
  exchange.burden = 'refused'
  const turn = load.refuse()
  return turn === undefined ? OVERLOADED : turn.then(() => OVERLOADED)
}
