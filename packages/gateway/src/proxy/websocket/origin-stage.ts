import { type Exchange, filled, type Step } from '../exchange.ts'
import { mayConnect } from './handshake.ts'

/** Whose page asks for a WebSocket: a browser says so, and a page cannot make it say otherwise. */
export function checkOrigin({ asked, inbound, credential, route }: Exchange): Step {
  if (asked?.webSocket === undefined) return 'next'
  const { scheme, externalOrigin } = inbound.peer
  const isAllowed = mayConnect(asked.webSocket, {
    fields: inbound.fields,
    ownOrigin: externalOrigin ?? `${scheme}://${asked.authority}`,
    isSession: credential?.method === 'session',
    route: filled(route, 'route'),
  })
  return isAllowed ? 'next' : { stop: 'origin-refused' }
}
