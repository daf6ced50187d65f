import { createServer, type Server, type Socket } from 'node:net'
import {
  createSecureContext,
  createServer as createTlsServer,
  type SecureContext,
  TLSSocket,
  Server as TlsServer,
} from 'node:tls'
import type { Reason } from '@countersign/evidence'
import { type Timer, Views } from '../platform/index.ts'
import { clientOf } from './client-address/client-of.ts'
import { ForwardedTrust } from './client-address/forwarded.ts'
import { ProxiedSockets } from './client-address/proxied-sockets.ts'
import type { ProxiedSource } from './client-address/proxy-header.ts'
import type { ProxyContext } from './context.ts'
import { Cut, Deadlines } from './cut.ts'
import { DirectSocket } from './direct-socket.ts'
import { Exchange, type Inbound, type Lost, type Outbound } from './exchange.ts'
import { OwnLines } from './http1/answer-head.ts'
import { ClientConnection, type ConnectionHost } from './http1/client-connection.ts'
import { OnePiece } from './http1/one-piece.ts'
import { RememberedHeads } from './http1/remembered-heads.ts'
import { type Spoken, whenProtocolIsKnown } from './http2/prior-knowledge.ts'
import { ClientSessions } from './http2/sessions.ts'
import { type ListenPlace, listenAt } from './listen.ts'
import { NamedContexts } from './named-contexts.ts'
import { NOWHERE, nothingAsked } from './nowhere.ts'
import { type Gone, originOf, peerOf, type Trust } from './peer.ts'
import { type ListenerConfig, type Protocol, protocolsOf } from './proxy-config.ts'
import { NO_SEAT, Roster, type Rostered } from './roster.ts'
import { refuseOutright, serve } from './serve.ts'
import {
  ACME_TLS,
  type Certificate,
  contextOptions,
  isWider,
  serverOptions,
} from './tls-options.ts'

/** Half a day, and 48 bytes as Node wants them. */
const TICKET_KEYS_MS = 12 * 3_600_000
const TICKET_KEYS_BYTES = 48
const READ_BYTES = 65_536
/** How late it may be noticed that nobody is left. */
export const LAST_CALL_TICK_MS = 20

/** A request as an engine has it. */
interface Asked {
  readonly inbound: Inbound
  readonly outbound: Outbound
  /** Tells when it cannot be served to its end. */
  onLost(lost: Lost): void
  ended?(): void
}

/** An exchange that is going on. One object: closures for its end would cost more. */
class Going implements Rostered {
  readonly exchange: Exchange
  seat: number = NO_SEAT
  readonly #asked: Asked | undefined
  readonly #over: (going: Going) => void

  constructor(exchange: Exchange, asked: Asked | undefined, over: (going: Going) => void) {
    this.exchange = exchange
    this.#asked = asked
    this.#over = over
  }

  ended(): void {
    this.#over(this)
    this.exchange.inForce.uses.end()
    this.#asked?.ended?.()
  }
}

/** One address that is listened on, and the connections that came to it. */
export class Listener {
  readonly #server: Server
  readonly #context: ProxyContext
  readonly #scheme: 'http' | 'https'
  readonly #connections = new Set<ClientConnection>()
  readonly #sessions: ClientSessions
  readonly #protocols: readonly Protocol[]
  readonly #host: ConnectionHost
  readonly #going = new Roster<Going>()
  #whenAllEnded: (() => void) | undefined
  #isLeaving = false
  /** By which authorities each handshake goes, by where it comes from: those of its beginning. */
  readonly #handshakes = new Map<string, Trust>()
  /** Of them, those that have not come to their end. */
  readonly #unfinished = new Set<string>()
  readonly #externalOrigin: string | undefined
  readonly #proxied: ProxiedSockets | undefined
  /** What headers of the PROXY protocol said, by where the connection comes from. */
  readonly #sources = new Map<string, ProxiedSource>()
  #forwarded: ForwardedTrust | undefined
  #certificate: Certificate | undefined
  #contexts: NamedContexts | undefined
  #ticketTimer: Timer | undefined
  /** Requests that came before the settings they go by are in force. */
  #held: (() => void)[] | undefined = []
  /** Replaced with the authorities: what was verified under the former ones is verified no more. */
  #trust: Trust = { isCurrent: true }

  constructor(
    settings: Pick<ListenerConfig, 'externalUrl' | 'protocols' | 'proxyProtocol' | 'forwarded'>,
    context: ProxyContext,
    certificate: Certificate | undefined,
  ) {
    const { externalUrl, proxyProtocol, forwarded } = settings
    this.#forwarded = forwarded && new ForwardedTrust(forwarded)
    this.#proxied = proxyProtocol && this.#proxiedSockets(proxyProtocol, context)
    this.#externalOrigin = externalUrl === undefined ? undefined : new URL(externalUrl).origin
    this.#protocols = protocolsOf({ ...settings, tls: certificate })
    this.#certificate = certificate
    this.#contexts = certificate && new NamedContexts(certificate)
    this.#context = context
    this.#host = this.#connectionHost(context)
    this.#server = this.#makeServer(certificate)
    this.#setLimits()
    this.#rotateTickets()
    this.#sessions = new ClientSessions({
      clock: context.clock,
      limits: () => context.inForce().limits,
      takesExtendedConnect: () => context.inForce().takesExtendedConnect,
      take: (stream) => this.#take(stream),
      refused: (peer, reason) => this.#refuseNowhere(reason, nothingAsked(peer, '2')),
    })
    this.#scheme = certificate === undefined ? 'http' : 'https'
    this.#wire(certificate === undefined ? 'connection' : 'secureConnection')
  }

  #connectionHost({ clock, random, wheel, inForce, isStopping }: ProxyContext): ConnectionHost {
    return {
      clock,
      wheel,
      own: new OwnLines(clock),
      heads: new RememberedHeads({ clock, random }),
      onePiece: new OnePiece(),
      limits: () => inForce().limits,
      takesUpgrades: () => inForce().takesUpgrades,
      isLeaving: () => this.#isLeaving || isStopping(),
      take: (exchange, refused) => this.#take(exchange, refused),
      closed: (connection) => this.#connections.delete(connection),
    }
  }

  #makeServer(certificate: Certificate | undefined): Server {
    // A client that says that it sends no more may still be told what it did wrong.
    const options = { allowHalfOpen: true, noDelay: true }
    if (certificate === undefined) return createServer(options)
    return createTlsServer({
      ...options,
      ...serverOptions(certificate, {
        handshakeMs: this.#context.inForce().limits.headMs,
        protocols: this.#protocols,
        contextOf: (name) => this.#contextOf(name),
        proofOf: (name) => this.#proofOf(name),
      }),
    })
  }

  #setLimits(): void {
    this.#server.maxConnections = this.#context.inForce().limits.connectionsMax
  }

  /** Resolves with the address that is listened on; throws ProxyError PROXY_LISTEN_FAILED. */
  async listen(place: ListenPlace): Promise<{ host: string; port: number }> {
    const at = await listenAt(this.#server, place)
    this.#server.on('error', (error) => this.#report('listener-error', error))
    return at
  }

  /**
   * Uses another certificate, other authorities, another revocation list from the next handshake
   * on. Throws, and changes nothing, where OpenSSL does not take them. Whether a listener speaks
   * TLS, and asks for certificates, is decided when it opens.
   */
  replaceCertificate(certificate: Certificate): void {
    if (!(this.#server instanceof TlsServer)) return
    const contexts = new NamedContexts(certificate)
    this.#server.setSecureContext(contextOptions(certificate))
    this.#contexts = contexts
    const before = this.#certificate?.clientCertificates
    this.#certificate = certificate
    if (isWider(before, certificate.clientCertificates)) return
    this.#trust.isCurrent = false
    this.#trust = { isCurrent: true }
  }

  /** Who takes the keys of session tickets reads what was said under them: they live shortly. */
  #rotateTickets(): void {
    const server = this.#server
    if (!(server instanceof TlsServer)) return
    const { clock, random } = this.#context
    this.#ticketTimer = clock.after(TICKET_KEYS_MS, () => {
      server.setTicketKeys(Buffer.from(random.bytes(TICKET_KEYS_BYTES)))
      this.#rotateTickets()
    })
  }

  /** Goes by other settings and limits; requests that had to wait for them are taken now. */
  adopt({
    tls,
    forwarded,
  }: Pick<ListenerConfig, 'forwarded'> & { readonly tls?: Certificate | undefined }): void {
    this.#forwarded = forwarded && new ForwardedTrust(forwarded)
    this.#setLimits()
    if (tls !== undefined && JSON.stringify(tls) !== JSON.stringify(this.#certificate)) {
      this.replaceCertificate(tls)
    }
    const held = this.#held ?? []
    this.#held = undefined
    for (const take of held) take()
  }

  /** Connections that are open, handshakes among them. */
  get connections(): number {
    return this.#handshakes.size
  }

  /** Still takes connections; each answer from now on is the last of its own. */
  sayLastCall(): void {
    this.#sessions.sayLastCall()
  }

  /** Takes no more connections and lets idle ones go; resolves when every exchange has ended. */
  async drain(): Promise<void> {
    this.#server.close()
    this.#ticketTimer?.cancel()
    this.#isLeaving = true
    // A loop that is busy has not read everything that has come.
    await new Promise<void>((resolve) => this.#context.clock.atTurnEnd(resolve))
    for (const connection of this.#connections) {
      if (connection.isIdle && !connection.isFresh) connection.leave()
    }
    this.#sessions.drain()
    await this.#firstRequests()
    this.#proxied?.close()
    await this.#allEnded()
    for (const connection of this.#connections) connection.leave()
    await this.#sessions.close()
    this.#host.heads.close()
  }

  /** Cuts what is still going on; `drain` then resolves as soon as it is recorded. */
  cutAll(): void {
    for (const { exchange } of this.#going.members()) exchange.cut.make('shutting-down')
    for (const connection of this.#connections) if (!connection.isBusy) connection.leave()
  }

  /** Who was let in a moment ago has its request on the way: closing now would lose it. */
  async #firstRequests(): Promise<void> {
    const { clock, inForce } = this.#context
    const untilMs = clock.ticksMs() + inForce().limits.lastCallMs
    while (this.#isExpectingFirst() && clock.ticksMs() < untilMs) {
      await new Promise<void>((resolve) => void clock.after(LAST_CALL_TICK_MS, resolve))
    }
  }

  #isExpectingFirst(): boolean {
    if (this.#handshakes.size > this.#connections.size + this.#sessions.size) return true
    return [...this.#connections].some(({ isFresh }) => isFresh)
  }

  #wire(connected: 'connection' | 'secureConnection'): void {
    const server = this.#server
    const { clock, inForce } = this.#context
    const withinMs = inForce().limits.headMs
    // Before TLS's own listener, which takes the secure context that is in force now.
    server.prependListener('connection', (socket: Socket) => {
      const place = placeOf(socket)
      // Known as long as it is open: of one that was reset nobody can say where it came from.
      const origin = originOf(socket, this.#sources.get(place))
      this.#handshakes.set(place, this.#trust)
      if (this.#scheme === 'https') this.#unfinished.add(place)
      socket.once('close', () => {
        this.#handshakes.delete(place)
        if (this.#unfinished.delete(place)) this.#refuseOrigin(this.#whyUnfinished, origin)
      })
    })
    // Renegotiation is work that a client can ask for without end, and nobody needs it.
    server.on('secureConnection', (socket: TLSSocket) => {
      this.#unfinished.delete(placeOf(socket))
      socket.disableRenegotiation()
    })
    server.on(connected, (socket: Socket) => {
      if (this.#isProofOrNothing(socket)) return
      const peer = peerOf(socket, {
        externalOrigin: this.#externalOrigin,
        trust: this.#handshakes.get(placeOf(socket)) ?? { isCurrent: false },
        clientCertificates: this.#certificate?.clientCertificates,
        source: this.#sources.get(placeOf(socket)),
      })
      const serve = (spoken: Spoken): void => {
        if ('refused' in spoken) {
          this.#refuseNowhere(spoken.refused, nothingAsked(peer))
          return void socket.destroy()
        }
        if (spoken.protocol === 'h2') {
          this.#sessions.open(socket, peer)
          return
        }
        if (socket.destroyed) return
        this.#connections.add(new ClientConnection(socket, peer, this.#host))
      }
      whenProtocolIsKnown(socket, { protocols: this.#protocols, clock, withinMs }, serve)
    })
    server.on('drop', (gone) => this.#refuseUnseen('overloaded', gone))
    // What is below it is closed with it, and told then.
    server.on('tlsClientError', (_error, socket: Socket) => socket.destroy())
    if (this.#proxied !== undefined) this.#wireProxied(this.#proxied)
    else if (connected === 'connection' && !this.#protocols.includes('h2')) this.#wireDirect()
  }

  get #whyUnfinished(): Reason {
    return this.#hasCertificate ? 'malformed-request' : 'certificate-pending'
  }

  get #hasCertificate(): boolean {
    return this.#certificate?.certificate !== undefined
  }

  /** Where there is no certificate yet, what proves a name stands for it: nobody else gets far. */
  #contextOf(name: string): SecureContext | undefined {
    return this.#contexts?.find(name) ?? (this.#hasCertificate ? undefined : this.#proofOf(name))
  }

  #proofOf(name: string): SecureContext | undefined {
    const pair = this.#context.challenges.tlsPair(name)
    return pair && createSecureContext(contextOptions(pair))
  }

  /**
   * A handshake that was all there was to it: an authority has seen what it looked for. Or one that
   * came as far as it did only because an authority is expected, and no certificate is there yet.
   */
  #isProofOrNothing(socket: Socket): boolean {
    if (!(socket instanceof TLSSocket)) return false
    const isProof = socket.alpnProtocol === ACME_TLS
    if (isProof) socket.end()
    else if (this.#hasCertificate || this.#contexts?.find(nameOf(socket)) !== undefined) {
      return false
    } else {
      this.#refuseUnseen('certificate-pending', socket)
      socket.destroy()
    }
    socket.on('error', () => undefined)
    return true
  }

  /** What would take a connection takes it when its header is off. */
  #wireProxied(proxied: ProxiedSockets): void {
    this.#wireBefore((socket, take) => {
      proxied.take(socket, (source) => {
        const place = placeOf(socket)
        if (source !== undefined) this.#sources.set(place, source)
        socket.once('close', () => this.#sources.delete(place))
        take(socket)
      })
    })
  }

  /** Nobody looks at the bytes of a connection before HTTP/1.1 does. */
  #wireDirect(): void {
    const buffer = Buffer.allocUnsafeSlow(READ_BYTES)
    const views = new Views(buffer)
    this.#wireBefore((socket, take) => take(DirectSocket.of(socket, buffer, views)))
  }

  #wireBefore(prepare: (socket: Socket, take: (socket: Socket) => void) => void): void {
    const server = this.#server
    const takers = server.listeners('connection')
    server.removeAllListeners('connection')
    server.on('connection', (accepted: Socket) => {
      prepare(accepted, (socket) => {
        for (const take of takers) take.call(server, socket)
      })
    })
  }

  #proxiedSockets(
    config: NonNullable<ListenerConfig['proxyProtocol']>,
    { clock, inForce }: ProxyContext,
  ): ProxiedSockets {
    return new ProxiedSockets(config, {
      clock,
      withinMs: () => inForce().limits.proxyHeaderMs,
      refused: (socket, isLate) => {
        this.#refuseUnseen(isLate ? 'request-timeout' : 'malformed-request', socket)
      },
    })
  }

  #take(asked: Asked, refused?: Reason): void {
    if (this.#held !== undefined) {
      this.#held.push(() => this.#take(asked, refused))
      return
    }
    const exchange = this.#exchange(asked.inbound, asked.outbound)
    asked.onLost(exchange.cut)
    this.#run(exchange, refused, asked)
  }

  /** A connection that is gone before there was anything to answer. */
  #refuseUnseen(reason: Reason, gone: Gone = {}): void {
    this.#refuseOrigin(reason, originOf(gone, this.#sources.get(placeOf(gone))))
  }

  #refuseOrigin(reason: Reason, origin: ReturnType<typeof originOf>): void {
    this.#refuseNowhere(reason, nothingAsked({ ...origin, scheme: this.#scheme, tls: undefined }))
  }

  /** A refusal that nobody can be told of any more. */
  #refuseNowhere(reason: Reason, inbound: Inbound): void {
    this.#run(this.#exchange(inbound, NOWHERE), reason)
  }

  #exchange(inbound: Inbound, outbound: Outbound): Exchange {
    const forwarded = this.#forwarded
    if (forwarded !== undefined) inbound.peer = clientOf(inbound.peer, inbound.fields, forwarded)
    const cut = new Cut()
    const deadlines = new Deadlines(this.#context.clock, cut, this.#context.wheel)
    const id = this.#context.recorder.newExchange()
    const inForce = this.#context.inForce()
    const startedMs = this.#context.clock.ticksMs()
    return new Exchange({ id, inForce, inbound, outbound, cut, deadlines, startedMs })
  }

  #run(exchange: Exchange, refused: Reason | undefined, asked?: Asked): void {
    const going = new Going(exchange, asked, this.#over)
    this.#going.add(going)
    exchange.inForce.uses.begin()
    if (refused === undefined) serve(exchange, this.#context, going)
    else void refuseOutright(exchange, this.#context, refused).then(() => going.ended())
  }

  readonly #over = (going: Going): void => {
    this.#going.delete(going)
    if (this.#going.size === 0) this.#whenAllEnded?.()
  }

  async #allEnded(): Promise<void> {
    while (this.#going.size > 0) {
      await new Promise<void>((resolve) => {
        this.#whenAllEnded = resolve
      })
    }
  }

  #report(event: 'listener-error', cause: unknown): void {
    this.#context.report({ event, cause })
  }
}

/** What a client asked for (SNI); Node's types leave out that it may ask for nothing. */
function nameOf(socket: TLSSocket): string {
  const { servername } = socket as { readonly servername?: string | false | null }
  return typeof servername === 'string' ? servername : ''
}

function placeOf({ remoteAddress, remotePort }: Gone): string {
  return `${remoteAddress} ${remotePort}`
}
