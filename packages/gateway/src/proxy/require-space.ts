import type { ProxyContext } from './context.ts'
import type { Exchange, Step } from './exchange.ts'

/**
 * Before anybody is asked who they are: a refusal that a fold counts is what costs the least room,
 * and what is left is for these and for whoever administers.
 */
export function requireSpace(_exchange: Exchange, { isSpaceScarce }: ProxyContext): Step {
  return isSpaceScarce() ? { stop: 'disk-reserve' } : 'next'
}
