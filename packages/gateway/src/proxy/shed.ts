import type { ProxyContext } from './context.ts'
import type { Exchange, Step } from './exchange.ts'

const OVERLOADED: Step = { stop: 'overloaded' }

/**
 * Before anything is read of a request: what cannot be done in time is not begun. Its connection
 * may stay, for another one would cost more than the next refusal.
 */
export function shed(exchange: Exchange, { load }: ProxyContext): Step | Promise<Step> {
  const { overload } = load
  if (overload === undefined) return 'next'
  exchange.shedFor = overload
  const turn = load.refuse()
  return turn === undefined ? OVERLOADED : turn.then(() => OVERLOADED)
}
