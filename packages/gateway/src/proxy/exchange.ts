import type { Duplex } from 'node:stream'
import type { MessageCounts, Reason, TlsFacts } from '@countersign/evidence'
import type { Approval, Use } from '../approval/index.ts'
import type { KeptFields, MadeLines } from '../http1/index.ts'
import type { BodyDigest, ClientCertificate, Credential, Principal } from '../identity/index.ts'
import type { QuotaVerdict } from '../limits/index.ts'
import type { Decision, Method, Question } from '../policy/index.ts'
import { BodyMeter } from './body-meter.ts'
import type { ExchangeCapture } from './capture/exchange-capture.ts'
import type { Cut, Deadlines } from './cut.ts'
import type { Framing } from './framing.ts'
import type { HeaderFields } from './header-fields.ts'
import type { InForce } from './in-force.ts'
import type { Burden } from './load.ts'
import type { ExchangeDigests } from './message-digests.ts'
import type { Told } from './progress.ts'
import type { RouteConfig } from './proxy-config.ts'
import type { Recorded } from './recording.ts'
import type { OutgoingFields } from './request-fields.ts'
import { NO_SEAT, type Rostered } from './roster.ts'
import type { ServerTiming } from './server-timing.ts'
import type { LastMade, Standing } from './standing.ts'
import type { Upstream } from './upstream.ts'
import type { UpstreamCall, UpstreamHead } from './upstream-call.ts'
import type { WebSocketAsked } from './websocket/handshake.ts'

/** What is known of a connection before a byte of it is understood. */
export interface Peer {
  readonly address: string
  /** 0 where only its address is known. */
  readonly port: number
  /** Addresses of trusted proxies that it came through, nearest last. */
  readonly proxies?: readonly string[] | undefined
  /** A trusted proxy says what cannot be read: where the request came from is not known. */
  readonly isDoubtful?: boolean | undefined
  readonly scheme: 'http' | 'https'
  readonly tls: TlsFacts | undefined
  readonly certificate?: ClientCertificate | undefined
  /** Nothing is served on this connection without a certificate that was verified. */
  readonly needsCertificate?: boolean | undefined
  /** Scheme and authority as clients know them, where the configuration says so. */
  readonly externalOrigin?: string | undefined
  /** Undefined where the peer is of a single request. */
  readonly last?: LastMade | undefined
}

/** A request as an HTTP engine received it: nothing interpreted, joined or left out. */
export interface Inbound {
  /** Of the connection; where proxies share it, replaced once by what they say of the request. */
  peer: Peer
  readonly method: string
  readonly target: string
  /** As in `1.1`, or `2`. */
  readonly version: string
  /** What the engine has against a head that it could read. */
  readonly fault?: Reason | undefined
  /** What a stream of HTTP/2 is to carry (RFC 8441): it is asked for as GET is. */
  readonly connectProtocol?: string | undefined
  /** Where the body ends. */
  readonly framing: Framing
  readonly fields: HeaderFields
  /** Undefined where the fields have not come before. */
  readonly standing?: Standing | undefined
  /** The client waits to be invited before it sends its body. */
  readonly isWaiting: boolean
  /** Read at most once, and only when the request is to go on. */
  readonly body: AsyncIterator<Uint8Array>
  /** Tells a client that waits for it to send its body. */
  invite(): void
  /** What came after the body; asked for when it has ended. */
  trailers(): HeaderFields
  /** Whether the last byte of the body has arrived. */
  isComplete(): boolean
}

/** Where the answer goes. */
export interface Outbound {
  /** Says something before the answer, which is not it: 103 and what it links to. */
  hint?(fields: HeaderFields): void
  /** Status and header fields; nothing is added but what frames the message. */
  begin(head: ResponseHead): void
  /** Resolves when the client has taken enough for more to be sent; undefined: it has. */
  write(chunk: Uint8Array): Promise<void> | undefined
  /** Sends what ends the response; resolves when the engine has let go of it; undefined: it has. */
  end(last: Uint8Array, trailers: HeaderFields): Promise<void> | undefined
  /** Changes protocols: the connection is the caller's from here on. */
  switchTo?(head: SwitchHead): Switched
  /** Breaks the connection, so that what was sent cannot be taken for a whole response. */
  destroy(): void
}

/** A connection that is another protocol's now, and what came of it before. */
export interface Switched {
  readonly stream: Duplex
  readonly early: Uint8Array
  /** Ends it at once where that is not to destroy the stream. */
  readonly breakOff?: () => void
}

export interface ResponseHead {
  readonly status: number
  readonly fields: HeaderFields
  /** More of them, which go before the others, and frame nothing. */
  readonly kept?: KeptFields
  /** `Content-Length`, where it is not among `fields`. */
  readonly length?: string | undefined
  /** More of them, which come last, and frame nothing. */
  readonly made?: MadeLines | undefined
  /** The connection ends with this response. */
  readonly isLast: boolean
  /** It leaves at once: what follows may be long in coming. */
  readonly isEager?: boolean
}

/** Of the answer that changes protocols. */
export type SwitchHead = Pick<ResponseHead, 'status' | 'fields'>

/** What the accept stage understood. */
export interface Asked {
  readonly method: Method
  readonly host: string
  readonly authority: string
  readonly path: string
  readonly query: string | undefined
  /** Bytes of the body where the request says so; undefined for a body of unknown length. */
  readonly bodyBytes: number | undefined
  readonly traceparent: string
  readonly takesTrailers: boolean
  /** Names of fields that an upstream may read otherwise than they came. */
  readonly doubtful: readonly string[]
  /** It asks to become a WebSocket. */
  readonly webSocket?: WebSocketAsked | undefined
}

/** Of a refusal for want of credentials, or of good ones. */
export interface Challenge {
  /** Values of `WWW-Authenticate`. */
  readonly challenges: readonly string[]
  readonly headers: HeaderFields
  /** Which rule the credential broke. */
  readonly fault: string | undefined
}

/** Is told, once, why a request cannot be served to its end. */
export interface Lost {
  make(reason: Reason): void
}

/** What a stage says: go on, it is answered, why it ends here, or that its course hears of it. */
export type Step = 'next' | 'answered' | 'later' | { readonly stop: Reason }

/** Goes on with an exchange: of a stage that said `later` it hears one of both, once. */
export interface Course {
  follow(step: Step | Promise<Step>): void
  /** A bug of ours. */
  failed(cause: unknown): void
}

/** Monotonic milliseconds of what happened between the gateway and the upstream. */
interface Marks {
  startMs: number | undefined
  sentMs: number | undefined
  headMs: number | undefined
  endMs: number | undefined
}

/**
 * One request and everything that is learnt of it. Stages fill it in the order of the list in
 * `stages.ts`; what a later stage reads of an earlier one is there or is a bug.
 */
export class Exchange implements Rostered {
  /** UUIDv7: in every record of the exchange, and `x-request-id` on both sides. */
  readonly id: string
  /** Taken once, when the exchange is accepted; nothing else of the configuration is looked at. */
  readonly inForce: InForce
  readonly inbound: Inbound
  readonly outbound: Outbound
  /** What ends the exchange from outside; the first cause counts. */
  readonly cut: Cut
  readonly deadlines: Deadlines
  /** Monotonic. */
  readonly startedMs: number
  /** The request body as it goes on. */
  readonly forwarded: BodyMeter = new BodyMeter()
  /** The response body as it comes in. */
  readonly received: BodyMeter = new BodyMeter()
  /** The response body as it goes on, where it does so before its end is known. */
  released: BodyMeter | undefined
  /** Bodies that are kept; undefined where the route keeps none. */
  capture: ExchangeCapture | undefined
  /** Messages so far, where there are such. */
  messages: (() => MessageCounts) | undefined
  /** Of the messages, where the route says so. */
  digests: ExchangeDigests | undefined
  /** Of its progress records; undefined while none was looked for. */
  told: Told | undefined
  /** It stays open for what may come: a stream of events, or another protocol. */
  isLongLived = false
  readonly marks: Marks = {
    startMs: undefined,
    sentMs: undefined,
    headMs: undefined,
    endMs: undefined,
  }
  /** Among those that are going on. */
  seat: number = NO_SEAT
  /** While it goes through the stages. */
  course: Course | undefined
  asked: Asked | undefined
  route: RouteConfig | undefined
  /** That the upstream is asked for: of the route's rewriting, made once. */
  forwardedPath: string | undefined
  upstream: Upstream | undefined
  /** The upstream keeps room for its call. */
  hasReserved = false
  principal: Principal | undefined
  credential: Credential | undefined
  /** Whether the credential would be taken at that time; undefined where nobody can know. */
  isCredentialGood: ((atUs: number) => boolean) | undefined
  /** When the credential ends, however long the exchange may last. */
  credentialUntilUs: number | undefined
  /** What the body must be, because the credential's signature covers it. */
  bodyDigest: BodyDigest | undefined
  /** What an answer that asks for other credentials says of them. */
  challenge: Challenge | undefined
  /** The measure that stands against it. */
  containedBy: string | undefined
  /** What the route's quotas said; whatever is held of them is released at the end. */
  quotas: QuotaVerdict | undefined
  /** What the answer says of them. */
  quotaLines: MadeLines = ''
  /** What the policies were asked: of the request, what is recorded of it. */
  question: Question | undefined
  decision: Decision | undefined
  /** The activation that the principal acts under. */
  breakGlass: string | undefined
  /** The use of a grant that was spent for it. */
  use: Use | undefined
  /** The approval that it waits for. */
  asking: Approval | undefined
  /** Made when it is decided that it may go on. */
  outgoing: OutgoingFields | undefined
  /** Hexadecimal; what the digest of the authorisation request began with. */
  requestSalt: string | undefined
  intent: Recorded | undefined
  /** Of the answer that the client gets, or part of it. */
  status: number | undefined
  /** Its last record is written or given up: what is left is to send the answer. */
  isConcluded = false
  /** A part of the response is with the client: ending now is breaking off. */
  isStreaming = false
  /** What it is to the loop. */
  burden: Burden = 'short'
  /** Undefined where the route tells nobody. */
  timing: ServerTiming | undefined
  /** Of a call of gRPC. */
  grpc: { readonly timeoutMs: number | undefined } | undefined
  call: UpstreamCall | undefined
  response: UpstreamHead | undefined

  constructor(
    parts: Pick<
      Exchange,
      'id' | 'inForce' | 'inbound' | 'outbound' | 'cut' | 'deadlines' | 'startedMs'
    >,
  ) {
    this.id = parts.id
    this.inForce = parts.inForce
    this.inbound = parts.inbound
    this.outbound = parts.outbound
    this.cut = parts.cut
    this.deadlines = parts.deadlines
    this.startedMs = parts.startedMs
  }
}

/** What an earlier stage filled in. */
export function filled<T>(value: T | undefined, name: string): T {
  if (value === undefined) throw new Error(`${name} is read before its stage has run`)
  return value
}
