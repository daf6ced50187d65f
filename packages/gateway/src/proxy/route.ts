import type { ProxyContext } from './context.ts'
import { type Exchange, filled, type Step } from './exchange.ts'
import { ExchangeDigests } from './message-digests.ts'
import { rewritePath } from './path-rewrite.ts'
import { ServerTiming } from './server-timing.ts'

/** Finds where the request would go. */
export function route(exchange: Exchange, { clock }: ProxyContext): Step {
  const { routes, upstreams } = exchange.inForce
  const { host, path, method } = filled(exchange.asked, 'asked')
  const found = routes.find(host, path)
  if (found === undefined) return { stop: 'route-not-found' }
  exchange.route = found
  exchange.forwardedPath =
    found.rewrite === undefined ? path : rewritePath(found.rewrite, found.path, path)
  if (found.serverTiming !== 'never') exchange.timing = new ServerTiming(clock)
  if (found.messages === 'digested') exchange.digests = new ExchangeDigests()
  exchange.upstream = filled(upstreams.get(found.upstream), `upstream ${found.upstream}`)
  const wants = filled(exchange.asked, 'asked').webSocket === undefined ? 'none' : 'websocket'
  if (wants !== 'none' && found.upgrade !== wants) return { stop: 'upgrade-refused' }
  const isOnStream = exchange.inbound.connectProtocol !== undefined
  if (isOnStream && found.websocket.http2 !== 'taken') return { stop: 'upgrade-refused' }
  if (!found.methods.includes(method)) return { stop: 'method-not-allowed' }
  return isDoubtful(found.headers, exchange) ? { stop: 'ambiguous-header' } : 'next'
}

/** What policies judge and the record holds is what the upstream reads, or it is refused. */
function isDoubtful(judged: readonly string[], { asked }: Exchange): boolean {
  const doubtful = asked?.doubtful ?? []
  return doubtful.length > 0 && judged.some((name) => doubtful.includes(name.toLowerCase()))
}
