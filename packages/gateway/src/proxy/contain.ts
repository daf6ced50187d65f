import type { Containment, Measure } from '../containment/index.ts'
import type { ProxyContext } from './context.ts'
import { type Exchange, filled, type Step } from './exchange.ts'

/** Before anybody is asked who they are: where it comes from, where it goes, whether it changes. */
export function containRequest(exchange: Exchange, { containment }: ProxyContext): Step {
  if (containment.isEmpty) return 'next'
  const { name, upstream } = filled(exchange.route, 'route')
  const { method } = filled(exchange.asked, 'asked')
  const { address } = exchange.inbound.peer
  return stopFor(exchange, containment.finds({ address, route: name, upstream, method }))
}

/** Who asks, and what with. */
export function containCaller(exchange: Exchange, { containment }: ProxyContext): Step {
  if (containment.isEmpty) return 'next'
  const { principal, credential } = exchange
  return stopFor(exchange, containment.finds({ principal, credential }))
}

/** Cuts an exchange that is going on, as far as it is known, where a measure stands against it. */
export function cutContained(exchange: Exchange, containment: Containment): void {
  const { asked, route, principal, credential, inbound, cut } = exchange
  const measure = containment.finds({
    principal,
    credential,
    address: inbound.peer.address,
    ...(route === undefined ? {} : { route: route.name, upstream: route.upstream }),
    ...(asked === undefined ? {} : { method: asked.method }),
  })
  if (measure === undefined) return
  exchange.containedBy ??= measure.id
  cut.make(reasonOf(measure))
}

function stopFor(exchange: Exchange, measure: Measure | undefined): Step {
  if (measure === undefined) return 'next'
  exchange.containedBy = measure.id
  return { stop: reasonOf(measure) }
}

/** The caller learns no more than this: not who or what is meant, and not for how long. */
function reasonOf({ target }: Measure): 'quarantined' | 'read-only' {
  return target.kind === 'gateway' ? 'read-only' : 'quarantined'
}
