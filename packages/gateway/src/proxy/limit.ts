import { ANONYMOUS } from '../identity/index.ts'
import { type Quota, type QuotaVerdict, rateLimitLines } from '../limits/index.ts'
import type { ProxyContext } from './context.ts'
import { type Exchange, filled, type Step } from './exchange.ts'

/**
 * Counts the request under the quotas of its route: all of them, or none. The limits of a single
 * request are met where they are reached.
 */
export function limit(exchange: Exchange, context: ProxyContext): Step | Promise<Step> {
  return take(exchange, context, exchange.inForce.quotasOf(filled(exchange.route, 'route')))
}

/**
 * Counts a request whose credential is refused, under the quotas that are of its sender alone: who
 * guesses is limited as who asks. Beyond the limit the answer does not say whether the guess was
 * good, for a good one is answered the same.
 */
export function limitRefused(
  exchange: Exchange,
  context: ProxyContext,
  refusal: Exclude<Step, string>,
): Step | Promise<Step> {
  const counting = exchange.inForce.quotasOf(filled(exchange.route, 'route'))
  const own = counting.filter(({ isShared }) => !isShared)
  const step = take(exchange, context, own)
  if (step instanceof Promise) return step.then((late) => refuseAs(exchange, refusal, late))
  return refuseAs(exchange, refusal, step)
}

function refuseAs(exchange: Exchange, refusal: Exclude<Step, string>, step: Step): Step {
  if (typeof step === 'string') return refusal
  // The record keeps what was wrong; the answer is not to.
  if (exchange.challenge !== undefined) {
    exchange.challenge = { challenges: [], headers: [], fault: exchange.challenge.fault }
  }
  return step
}

function take(
  exchange: Exchange,
  context: ProxyContext,
  counting: readonly Quota[],
): Step | Promise<Step> {
  const { inForce, inbound, credential } = exchange
  const route = filled(exchange.route, 'route')
  if (counting.length === 0) return 'next'
  const verdict = filled(inForce.quotas, 'quotas').take(counting, {
    principal: exchange.principal ?? ANONYMOUS,
    keyPrefix: exchange.principal === undefined ? undefined : keyPrefixOf(credential),
    address: inbound.peer.address,
    route: route.name,
    method: inbound.method,
  })
  if (verdict instanceof Promise)
    return verdict.then((settled) => settle(exchange, context, settled))
  return settle(exchange, context, verdict)
}

/** Other credentials name themselves as they like: as another's key, or anew each time. */
function keyPrefixOf(credential: Exchange['credential']): string | undefined {
  return credential?.method === 'api-key' ? credential.id : undefined
}

function settle(exchange: Exchange, context: ProxyContext, verdict: QuotaVerdict): Step {
  const { fault: cause } = verdict
  if (cause !== undefined) {
    context.report({ event: 'limits-unavailable', exchange: exchange.id, cause })
  }
  exchange.quotas = verdict
  // Now, while all of it is at hand: before the answer many others are served.
  exchange.quotaLines = rateLimitLines(verdict)
  return verdict.refusal === undefined ? 'next' : { stop: verdict.refusal }
}
