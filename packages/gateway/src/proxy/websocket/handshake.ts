import { createHash } from 'node:crypto'
import type { Reason } from '@countersign/evidence'
import type { Random } from '../../platform/index.ts'
import type { Inbound } from '../exchange.ts'
import { type HeaderFields, listItems, listMembers, valuesOf } from '../header-fields.ts'
import type { RouteConfig } from '../proxy-config.ts'

/** A WebSocket that is asked for, as RFC 6455 says how to. */
export interface WebSocketAsked {
  readonly key: string
  /** Subprotocols in the client's order. */
  readonly protocols: readonly string[]
  readonly origin: string | undefined
}

type Reading =
  | { readonly asked: WebSocketAsked }
  | { readonly asked?: undefined; readonly refused: Reason }

const VERSION = '13'
const KEY_BYTES = 16
const KEY_FORM = /^[A-Za-z0-9+/]{21}[AQgw]==$/
const TOKEN_FORM = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,200}$/
const PROTOCOLS_MAX = 32
const ACCEPT_GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
const DEFLATE = 'permessage-deflate'

/** Whether it is a WebSocket that `Upgrade` asks for, and nothing else. */
export function asksForWebSocket(fields: HeaderFields): boolean {
  const [upgrade, second] = valuesOf(fields, 'upgrade')
  return second === undefined && upgrade?.toLowerCase() === 'websocket'
}

/** Reads the opening handshake strictly (RFC 6455, section 4.2.1). */
export function readHandshake(
  { method, version, fields }: Pick<Inbound, 'method' | 'version' | 'fields'>,
  bodyBytes: number | undefined,
): Reading {
  if (!asksForWebSocket(fields)) return { refused: 'upgrade-refused' }
  const isUpgrade = listMembers(valuesOf(fields, 'connection')).includes('upgrade')
  if (method !== 'GET' || version !== '1.1' || bodyBytes !== 0 || !isUpgrade) return MALFORMED
  const [wanted, otherVersion] = valuesOf(fields, 'sec-websocket-version')
  if (otherVersion !== undefined) return MALFORMED
  if (wanted !== undefined && wanted !== VERSION) return { refused: 'websocket-version' }
  const [key, otherKey] = valuesOf(fields, 'sec-websocket-key')
  if (wanted === undefined || key === undefined || otherKey !== undefined) return MALFORMED
  if (!KEY_FORM.test(key)) return MALFORMED
  return readOffers(fields, key)
}

/**
 * The same on a stream of HTTP/2 (RFC 8441, section 5): it has no key and proves nothing by one, so
 * the upstream is asked with a key of ours.
 */
export function readExtendedConnect(
  { connectProtocol, fields }: Pick<Inbound, 'connectProtocol' | 'fields'>,
  bodyBytes: number | undefined,
  random: Random,
): Reading {
  if (connectProtocol !== 'websocket') return { refused: 'upgrade-refused' }
  // With a length, or an end already, there is nothing that frames could go on.
  if (bodyBytes !== undefined) return MALFORMED
  const [wanted, other] = valuesOf(fields, 'sec-websocket-version')
  if (other !== undefined || wanted === undefined) return MALFORMED
  if (wanted !== VERSION) return { refused: 'websocket-version' }
  return readOffers(fields, Buffer.from(random.bytes(KEY_BYTES)).toString('base64'))
}

function readOffers(fields: HeaderFields, key: string): Reading {
  const protocols = listItems(valuesOf(fields, 'sec-websocket-protocol'))
  const isList = protocols.every((each) => TOKEN_FORM.test(each))
  if (!isList || new Set(protocols).size !== protocols.length) return MALFORMED
  const [origin, otherOrigin] = valuesOf(fields, 'origin')
  if (protocols.length > PROTOCOLS_MAX || otherOrigin !== undefined) return MALFORMED
  return { asked: { key, protocols, origin } }
}

const MALFORMED: Reading = { refused: 'handshake-malformed' }

/**
 * Whether a page of that origin may connect. A browser sends cookies whoever's page it is that
 * asks: so where a cookie may be what it rests on, the page must be of this origin or of one that
 * the route names. Where the route names some, others are refused whatever they come with.
 */
export function mayConnect(
  { origin }: WebSocketAsked,
  {
    fields,
    ownOrigin,
    isSession,
    route,
  }: {
    readonly fields: HeaderFields
    readonly ownOrigin: string
    readonly isSession: boolean
    readonly route: Pick<RouteConfig, 'websocket'>
  },
): boolean {
  const { origins } = route.websocket
  if (origin === undefined) return !isSession
  const isKnown = origin === ownOrigin || origins.includes(origin)
  const isCookie = isSession || valuesOf(fields, 'cookie').length > 0
  return isKnown || (!isCookie && origins.length === 0)
}

/** What of the handshake goes on; extensions only as far as the route lets them. */
export function handshakeFields(
  asked: WebSocketAsked,
  fields: HeaderFields,
  route: Pick<RouteConfig, 'websocket'>,
): HeaderFields {
  const offers = route.websocket.compression === 'passed' ? deflateOffers(fields) : ''
  return [
    ...fields.filter(([name]) => !name.toLowerCase().startsWith('sec-websocket-')),
    ['sec-websocket-key', asked.key],
    ['sec-websocket-version', VERSION],
    ...(asked.protocols.length === 0
      ? []
      : ([['sec-websocket-protocol', asked.protocols.join(', ')]] as const)),
    ...(offers === '' ? [] : ([['sec-websocket-extensions', offers]] as const)),
  ]
}

function deflateOffers(fields: HeaderFields): string {
  return listItems(valuesOf(fields, 'sec-websocket-extensions'))
    .filter((offer) => offer.split(';')[0]?.trim() === DEFLATE)
    .join(', ')
}

/** What the upstream agreed to, or why it is no answer to what it was asked. */
export function readAnswer(
  asked: WebSocketAsked,
  fields: HeaderFields,
  route: Pick<RouteConfig, 'websocket'>,
): { readonly mayCompress: boolean } | { readonly fault: string } {
  if (!asksForWebSocket(fields)) return { fault: 'it changes to another protocol' }
  const [accept, second] = valuesOf(fields, 'sec-websocket-accept')
  if (second !== undefined || accept !== acceptOf(asked.key)) {
    return { fault: 'Sec-WebSocket-Accept is not the answer to the key' }
  }
  const [protocol, otherProtocol] = valuesOf(fields, 'sec-websocket-protocol')
  const isOffered = protocol === undefined || asked.protocols.includes(protocol)
  if (otherProtocol !== undefined || !isOffered) return { fault: 'a subprotocol nobody offered' }
  const extensions = listMembers(valuesOf(fields, 'sec-websocket-extensions'))
  if (extensions.length === 0) return { mayCompress: false }
  const [only, other] = extensions.map((extension) => extension.split(';')[0]?.trim())
  const isAgreed = other === undefined && only === DEFLATE
  return isAgreed && route.websocket.compression === 'passed'
    ? { mayCompress: true }
    : { fault: 'an extension nobody offered' }
}

function acceptOf(key: string): string {
  return createHash('sha1').update(`${key}${ACCEPT_GUID}`).digest('base64')
}
