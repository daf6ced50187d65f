import { type Exchange, filled, type Step } from './exchange.ts'

/**
 * Before anything is spent on it or written down of it: what the upstream has no room for is one
 * refusal, of which many are counted, and not an intent with its outcome.
 */
export function reserve(exchange: Exchange): Step {
  if (!filled(exchange.upstream, 'upstream').client.reserve())
    return { stop: 'upstream-overloaded' }
  exchange.hasReserved = true
  return 'next'
}

/** The call is made now, or will not be. */
export function releaseReserved(exchange: Exchange): void {
  if (!exchange.hasReserved) return
  exchange.hasReserved = false
  exchange.upstream?.client.release()
}
