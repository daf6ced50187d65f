import { BodyCheck } from './body-check.ts'
import { type Exchange, filled, type Step } from './exchange.ts'

/** Bodies and schemas will be inspected here; so far, that a body that was signed is there. */
export function inspect(exchange: Exchange): Step {
  const { bodyDigest } = exchange
  // One that is there is checked on its way: its end waits for the digest.
  if (bodyDigest === undefined || filled(exchange.asked, 'asked').bodyBytes !== 0) return 'next'
  return new BodyCheck(bodyDigest).holds() ? 'next' : { stop: 'body-digest-mismatch' }
}
