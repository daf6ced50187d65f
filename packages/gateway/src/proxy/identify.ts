import { authenticate } from '../identity/index.ts'
import type { ProxyContext } from './context.ts'
import { type Exchange, filled, type Step } from './exchange.ts'
import { valuesOf } from './header-fields.ts'

/** Asks who it is. A wrong credential is refused even where the route asks for none. */
export function identify(exchange: Exchange, context: ProxyContext): Step {
  const authorization = valuesOf(exchange.inbound.fields, 'authorization')
  const found = authenticate(authorization, exchange.inForce.keys(), context.clock.nowUs())
  exchange.credential = found.credential
  if (!found.known) return { stop: found.reason }
  exchange.principal = found.principal
  const isNeeded = filled(exchange.route, 'route').authenticate === 'required'
  return isNeeded && found.principal.kind === 'anonymous' ? { stop: 'credentials-missing' } : 'next'
}
