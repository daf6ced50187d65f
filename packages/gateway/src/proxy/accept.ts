import type { Reason } from '@countersign/evidence'
import { METHODS, type Method } from '../policy/index.ts'
import { type Authority, formatAuthority, readAuthority } from './canonical-host.ts'
import { type Reading, readTarget, type Target } from './canonical-path.ts'
import type { ProxyContext } from './context.ts'
import type { Exchange, Inbound, Step } from './exchange.ts'
import { doubtfulNames, refuseAmbiguous } from './framing.ts'
import { beginGrpc, isGrpc } from './grpc.ts'
import { type HeaderFields, listMembers, valuesOf } from './header-fields.ts'
import type { InForce } from './in-force.ts'
import { continueTrace } from './trace-context.ts'
import { readExtendedConnect, readHandshake } from './websocket/handshake.ts'

/** Understands the request, in one way only, or refuses it. */
export function accept(exchange: Exchange, context: ProxyContext): Step {
  const { inbound, inForce } = exchange
  const { needsCertificate = false, certificate } = inbound.peer
  if (needsCertificate && certificate?.isVerified !== true) {
    const fault = certificate?.error ?? 'certificate-missing'
    exchange.challenge = { challenges: [], headers: [], fault }
    return { stop: 'certificate-refused' }
  }
  if (inbound.peer.isDoubtful === true) return { stop: 'ambiguous-header' }
  const head = headOf(inbound)
  const wrong = refuseHead(inbound, head, inForce)
  if (wrong !== undefined) return { stop: wrong }
  const { framing } = inbound
  if ('refused' in framing) return { stop: framing.refused }
  const unserved = refuseUnserved(inbound, head)
  if (unserved !== undefined) return { stop: unserved }
  const upgrade = readUpgrade(exchange, context, head)
  if (upgrade?.asked === undefined && upgrade !== undefined) return { stop: upgrade.refused }
  const { authority } = head
  if (!authority.ok) return { stop: authority.reason }
  const target = readOwnTarget(inbound, authority.value)
  if (!target.ok) return { stop: target.reason }
  exchange.asked = {
    method: inbound.method as Method,
    host: authority.value.host,
    authority: head.authorityText,
    path: target.value.path,
    query: target.value.query,
    // What a stream of HTTP/2 carries after its head is the other protocol's.
    bodyBytes: upgrade === undefined ? framing.bytes : 0,
    traceparent: continueTrace(head.traceparents, context),
    takesTrailers: head.takesTrailers,
    doubtful: head.doubtful,
    webSocket: upgrade?.asked,
  }
  if ((framing.bytes ?? 0) > inForce.limits.bodyBytesMax) return { stop: 'body-too-large' }
  const grpcFault = head.isGrpc ? beginGrpc(exchange) : undefined
  if (grpcFault !== undefined) return { stop: grpcFault }
  const serverName = inbound.peer.tls?.serverName
  if (serverName !== undefined && serverName.toLowerCase() !== authority.value.host) {
    return { stop: 'host-mismatch' }
  }
  return 'next'
}

/** What the fields of a request say, whatever it asks for. */
export interface HeadReading {
  readonly ambiguous: Reason | undefined
  readonly doubtful: readonly string[]
  readonly isExpectingMore: boolean
  readonly authority: Reading<Authority>
  /** Empty where it is none. */
  readonly authorityText: string
  readonly traceparents: readonly string[]
  readonly takesTrailers: boolean
  /** It asks for another protocol, whichever. */
  readonly isUpgrading: boolean
  readonly isGrpc: boolean
  readonly userAgent: string | undefined
}

function headOf({ fields, standing }: Inbound): HeadReading {
  const known = standing?.head
  if (known !== undefined) return known
  const te = listMembers(valuesOf(fields, 'te'))
  const authority = readHost(fields)
  const head: HeadReading = {
    ambiguous: refuseAmbiguous(fields),
    doubtful: doubtfulNames(fields),
    isExpectingMore: !valuesOf(fields, 'expect').every(isContinue),
    authority,
    authorityText: authority.ok ? formatAuthority(authority.value) : '',
    traceparents: valuesOf(fields, 'traceparent'),
    takesTrailers: te.length === 1 && te[0] === 'trailers',
    isUpgrading: valuesOf(fields, 'upgrade').length > 0,
    isGrpc: isGrpc(fields),
    userAgent: valuesOf(fields, 'user-agent')[0],
  }
  if (standing !== undefined) standing.head = head
  return head
}

/** Undefined: it is and stays a plain request. */
function readUpgrade(
  { inbound, outbound }: Exchange,
  { random }: ProxyContext,
  { isUpgrading }: HeadReading,
): ReturnType<typeof readHandshake> | undefined {
  const { connectProtocol, framing } = inbound
  const bodyBytes = 'refused' in framing ? undefined : framing.bytes
  if (connectProtocol !== undefined) return readExtendedConnect(inbound, bodyBytes, random)
  if (!isUpgrading) return undefined
  if (outbound.switchTo === undefined && bodyBytes === 0) return { refused: 'upgrade-refused' }
  return readHandshake(inbound, bodyBytes)
}

/** Limits and refusals that need nothing but the head as it stands. */
function refuseHead(
  inbound: Inbound,
  { ambiguous }: HeadReading,
  { limits }: InForce,
): Reason | undefined {
  const { fields, target, version, fault } = inbound
  if (version !== '1.1' && version !== '2') return 'version-refused'
  if (fields.length > limits.headersMax) return 'head-too-large'
  if (version === '2' && headBytes(inbound) > limits.headBytesMax) return 'head-too-large'
  if (target.length > limits.targetBytesMax) return 'uri-too-long'
  return fault ?? ambiguous
}

/** What is not served here; asked when it is certain where the request ends. */
function refuseUnserved({ method }: Inbound, { isExpectingMore }: HeadReading): Reason | undefined {
  if (!METHODS.some((known) => known === method)) return 'method-not-allowed'
  return isExpectingMore ? 'expectation-failed' : undefined
}

/** Of a head that came compressed: as it would be in HTTP/1.1. */
function headBytes({ method, target, fields }: Inbound): number {
  const line = method.length + target.length + LINE_OVERHEAD_BYTES
  return fields.reduce((sum, [name, value]) => sum + name.length + value.length + 4, line)
}

const LINE_OVERHEAD_BYTES = ' '.length + ' HTTP/1.1\r\n'.length

/** Exactly that: engines look for it anywhere in the value. */
function isContinue(expectation: string): boolean {
  return expectation.toLowerCase() === '100-continue'
}

function readHost(fields: HeaderFields): Reading<Authority> {
  const [host, second] = valuesOf(fields, 'host')
  if (host === undefined || second !== undefined) return { ok: false, reason: 'malformed-host' }
  return readAuthority(host)
}

/** Origin form, or an absolute form that says the same scheme and authority as the connection. */
function readOwnTarget({ target, peer }: Inbound, authority: Authority): Reading<Target> {
  if (target.startsWith('/')) return readTarget(target)
  const [, scheme, named, rest = ''] = /^(https?):\/\/([^/?#]*)(.*)$/i.exec(target) ?? []
  if (scheme?.toLowerCase() !== peer.scheme || named === undefined) return MALFORMED_TARGET
  const other = readAuthority(named)
  if (!other.ok || formatAuthority(other.value) !== formatAuthority(authority)) {
    return MALFORMED_TARGET
  }
  return readTarget(rest.startsWith('/') ? rest : `/${rest}`)
}

const MALFORMED_TARGET = { ok: false, reason: 'malformed-target' } as const
