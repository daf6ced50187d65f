import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { Server as TlsServer } from 'node:https'
import type { Socket } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { createSecureContext, type SecureContext, TLSSocket } from 'node:tls'
import type { Reason } from '@countersign/evidence'
import type { Timer } from '../platform/index.ts'
import { clientOf } from './client-address/client-of.ts'
import { ForwardedTrust } from './client-address/forwarded.ts'
import { ProxiedSockets } from './client-address/proxied-sockets.ts'
import type { ProxiedSource } from './client-address/proxy-header.ts'
import { Connection, type Gone, originOf, peerOf, type Trust } from './connection.ts'
import type { ProxyContext } from './context.ts'
import { Cut, Deadlines } from './cut.ts'
import { Exchange, type Inbound, type Outbound } from './exchange.ts'
import { pairFields } from './header-fields.ts'
import { whenProtocolIsKnown } from './http2/prior-knowledge.ts'
import { ClientSessions } from './http2/sessions.ts'
import type { StreamExchange } from './http2/stream-exchange.ts'
import { type ListenPlace, listenAt } from './listen.ts'
import { NamedContexts } from './named-contexts.ts'
import { nodeInbound, nodeOutbound } from './node-exchange.ts'
import { makeServer, parseFault, protocolsOf, setLimits } from './node-server.ts'
import type { ListenerConfig, Protocol } from './proxy-config.ts'
import { rawInbound, rawOutbound } from './raw-exchange.ts'
import { refuseOutright, serve } from './serve.ts'
import { ACME_TLS, type Certificate, contextOptions, isWider } from './tls-options.ts'
import { asksForWebSocket } from './websocket/handshake.ts'
import { UpgradeExchange } from './websocket/upgrade-exchange.ts'

/** Half a day, and 48 bytes as Node wants them. */
const TICKET_KEYS_MS = 12 * 3_600_000
const TICKET_KEYS_BYTES = 48
/** How late it may be noticed that nobody is left. */
export const LAST_CALL_TICK_MS = 20
const EARLY_END = 'HPE_INVALID_EOF_STATE'

/** One address that is listened on, and the connections that came to it. */
export class Listener {
  readonly #server: Server
  readonly #context: ProxyContext
  readonly #scheme: 'http' | 'https'
  readonly #connections = new Map<Socket, Connection>()
  readonly #sessions: ClientSessions
  /** What is going on on streams of HTTP/2. */
  readonly #streams = new Set<Exchange>()
  readonly #protocols: readonly Protocol[]
  readonly #active = new Set<Promise<void>>()
  /** By which authorities each handshake goes, by where it comes from: those of its beginning. */
  readonly #handshakes = new Map<string, Trust>()
  readonly #externalOrigin: string | undefined
  readonly #proxied: ProxiedSockets | undefined
  /** What headers of the PROXY protocol said, by where the connection comes from. */
  readonly #sources = new Map<string, ProxiedSource>()
  #forwarded: ForwardedTrust | undefined
  #serveHttp1: ((socket: Socket) => void) | undefined
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
    this.#server = makeServer(context.inForce().limits, certificate, {
      protocols: this.#protocols,
      mayUpgrade: (request) => this.#mayUpgrade(request),
      contextOf: (name) => this.#contextOf(name),
      proofOf: (name) => this.#proofOf(name),
    })
    this.#rotateTickets()
    this.#sessions = new ClientSessions({
      clock: context.clock,
      limits: () => context.inForce().limits,
      takesExtendedConnect: () => context.inForce().takesExtendedConnect,
      take: (stream) => this.#takeStream(stream),
      refused: (peer, reason) => this.#refuseNowhere(reason, rawInbound(peer, { version: '2' })),
    })
    this.#scheme = certificate === undefined ? 'http' : 'https'
    this.#wire(certificate === undefined ? 'connection' : 'secureConnection')
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
    setLimits(this.#server, this.#context.inForce().limits)
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
    this.#server.closeIdleConnections()
    this.#sessions.drain()
    await this.#firstRequests()
    this.#proxied?.close()
    while (this.#active.size > 0) await Promise.allSettled(this.#active)
    this.#server.closeAllConnections()
    await this.#sessions.close()
  }

  /** Cuts what is still going on; `drain` then resolves as soon as it is recorded. */
  cutAll(): void {
    for (const [socket, { current }] of this.#connections) {
      if (current === undefined) socket.destroy()
      else current.cut.make('shutting-down')
    }
    for (const { cut } of this.#streams) cut.make('shutting-down')
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
    return [...this.#connections.values()].some(({ newest }) => newest === undefined)
  }

  #wire(connected: 'connection' | 'secureConnection'): void {
    const server = this.#server
    const { clock, inForce } = this.#context
    const withinMs = inForce().limits.headMs
    const [serveHttp1] = server.listeners(connected) as ((socket: Socket) => void)[]
    this.#serveHttp1 = serveHttp1
    if (serveHttp1 !== undefined) server.off(connected, serveHttp1)
    // Before the engine's own listener, which takes the secure context that is in force now.
    server.prependListener('connection', (socket: Socket) => {
      const place = placeOf(socket)
      this.#handshakes.set(place, this.#trust)
      socket.once('close', () => this.#handshakes.delete(place))
    })
    // Renegotiation is work that a client can ask for without end, and nobody needs it.
    server.on('secureConnection', (socket: TLSSocket) => socket.disableRenegotiation())
    server.on(connected, (socket: Socket) => {
      if (this.#isProofOrNothing(socket)) return
      const peer = peerOf(socket, {
        externalOrigin: this.#externalOrigin,
        trust: this.#handshakes.get(placeOf(socket)) ?? { isCurrent: false },
        clientCertificates: this.#certificate?.clientCertificates,
        source: this.#sources.get(placeOf(socket)),
      })
      const serve = (protocol: Protocol | undefined): void => {
        if (protocol === 'h2') {
          this.#sessions.open(socket, peer)
          return
        }
        if (protocol === undefined) {
          this.#refuseNowhere('version-refused', rawInbound(peer))
          return void socket.destroy()
        }
        const { pipelinedMax } = this.#context.inForce().limits
        const connection = new Connection(socket, peer, pipelinedMax)
        this.#connections.set(socket, connection)
        socket.once('close', () => {
          this.#connections.delete(socket)
          connection.lost()
        })
        serveHttp1?.call(server, socket)
      }
      whenProtocolIsKnown(socket, { protocols: this.#protocols, clock, withinMs }, serve)
    })
    server.on('request', (request, response) => this.#take(request, response, false))
    server.on('checkContinue', (request, response) => this.#take(request, response, true))
    server.on('checkExpectation', (request, response) => this.#take(request, response, false))
    server.on('upgrade', (request: IncomingMessage, socket: Socket, first: Uint8Array) => {
      this.#takeUpgrade(request, socket, first)
    })
    server.on('connect', (request: IncomingMessage, socket: Socket) => {
      // The engine has let go of it: a client that leaves now would end the process.
      socket.on('error', () => undefined)
      const { method = '', httpVersion, rawHeaders } = request
      const known = { method, version: httpVersion, fields: pairFields(rawHeaders) }
      this.#refuseRaw(socket, 'method-not-allowed', known)
    })
    server.on('clientError', (error: Error & { code?: string }, socket: Socket) => {
      this.#unreadable(error, socket)
    })
    server.on('drop', (gone) => this.#refuseUnseen('overloaded', gone))
    server.on('tlsClientError', (_error, socket: Socket) => {
      this.#refuseUnseen(this.#hasCertificate ? 'malformed-request' : 'certificate-pending', socket)
    })
    if (this.#proxied !== undefined) this.#wireProxied(this.#proxied)
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
    const server = this.#server
    const takers = server.listeners('connection')
    server.removeAllListeners('connection')
    server.on('connection', (socket: Socket) => {
      proxied.take(socket, (source) => {
        const place = placeOf(socket)
        if (source !== undefined) this.#sources.set(place, source)
        socket.once('close', () => this.#sources.delete(place))
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

  #take(request: IncomingMessage, response: ServerResponse, isWaiting: boolean): void {
    if (this.#held !== undefined) {
      this.#held.push(() => this.#take(request, response, isWaiting))
      return
    }
    const connection = this.#connections.get(request.socket)
    if (connection === undefined) return void request.socket.destroy()
    const place = connection.place()
    if (place === 'ignored') return
    const inbound = nodeInbound(request, response, connection.peer, isWaiting)
    const outbound = lastOf(connection, nodeOutbound(response), response)
    const exchange = this.#exchange(inbound, outbound)
    response.once('close', () => {
      if (!response.writableFinished) exchange.cut.make('client-aborted')
    })
    connection.newest = exchange
    if (!response.shouldKeepAlive) connection.takeNoMore()
    const run = place === 'served' ? serve : refuseOverload
    this.#track(
      exchange,
      connection.enqueue(async () => {
        connection.begin(exchange)
        await run(exchange, this.#context)
        connection.current = undefined
      }),
    )
  }

  /** The engine has let go of the connection: nothing of it is read as HTTP any more. */
  #takeUpgrade(request: IncomingMessage, socket: Socket, first: Uint8Array): void {
    const connection = this.#connections.get(socket)
    if (connection === undefined) return void socket.destroy()
    const upgrade = new UpgradeExchange({
      request,
      socket,
      first,
      peer: connection.peer,
      earlyBytesMax: this.#context.inForce().limits.earlyBytesMax,
      stay: (kept) => this.#serveHttp1?.call(this.#server, kept),
    })
    const take = (): void => {
      if (connection.place() === 'ignored') return
      const exchange = this.#exchange(upgrade.inbound, lastOf(connection, upgrade.outbound))
      upgrade.onLost((reason) => exchange.cut.make(reason))
      connection.newest = exchange
      this.#track(
        exchange,
        connection.enqueue(async () => {
          // The answer before may be sent, and the engine not yet know it.
          await nextTurn()
          connection.current = exchange
          await serve(exchange, this.#context)
          connection.current = undefined
        }),
      )
    }
    if (this.#held === undefined) take()
    else this.#held.push(take)
  }

  /** Whether a request is one that a route may let change protocols. */
  #mayUpgrade({ rawHeaders }: IncomingMessage): boolean {
    const { takesUpgrades } = this.#context.inForce()
    return takesUpgrades && asksForWebSocket(pairFields(rawHeaders))
  }

  #takeStream(stream: StreamExchange): void {
    if (this.#held !== undefined) {
      this.#held.push(() => this.#takeStream(stream))
      return
    }
    const exchange = this.#exchange(stream.inbound, stream.outbound)
    stream.onLost((reason) => exchange.cut.make(reason))
    this.#streams.add(exchange)
    const served = serve(exchange, this.#context)
    this.#track(
      exchange,
      served.finally(() => this.#streams.delete(exchange)),
    )
  }

  /** Bytes that are no request: of the body that is being read, or where a request should begin. */
  #unreadable(error: Error & { readonly code?: string }, socket: Socket): void {
    if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy()
    if (error.code === 'ERR_TLS_RENEGOTIATION_DISABLED') {
      // Destroyed at once: an answer would have to wait for the handshake that is not to be.
      this.#refuseUnseen('malformed-request', socket)
      return void socket.destroy()
    }
    const newest = this.#connections.get(socket)?.newest
    if (newest !== undefined && !newest.inbound.isComplete()) {
      // The end of the stream inside a body is a client that left, not one that lied.
      newest.cut.make(error.code === EARLY_END ? 'client-aborted' : 'malformed-framing')
    } else {
      this.#refuseRaw(socket, parseFault(error.code), {})
    }
  }

  #refuseRaw(socket: Socket, reason: Reason, known: Partial<Inbound>): void {
    const connection = this.#connections.get(socket)
    if (connection === undefined) return void socket.destroy()
    if (!connection.takesMore) return
    const outbound = lastOf(connection, rawOutbound(socket))
    const exchange = this.#exchange(rawInbound(connection.peer, known), outbound)
    this.#track(
      exchange,
      connection.enqueue(() => refuseOutright(exchange, this.#context, reason)),
    )
    // The engine says the same of every byte that follows, for as long as an answer takes.
    connection.takeNoMore()
  }

  /** A connection that is gone before there was anything to answer. */
  #refuseUnseen(reason: Reason, gone: Gone = {}): void {
    const origin = originOf(gone, this.#sources.get(placeOf(gone)))
    this.#refuseNowhere(reason, rawInbound({ ...origin, scheme: this.#scheme, tls: undefined }))
  }

  /** A refusal that nobody can be told of any more. */
  #refuseNowhere(reason: Reason, inbound: Inbound): void {
    const nowhere: Outbound = {
      begin: () => undefined,
      write: async () => undefined,
      end: async () => undefined,
      destroy: () => undefined,
    }
    const exchange = this.#exchange(inbound, nowhere)
    this.#track(exchange, refuseOutright(exchange, this.#context, reason))
  }

  #exchange(inbound: Inbound, outbound: Outbound): Exchange {
    const forwarded = this.#forwarded
    if (forwarded !== undefined) inbound.peer = clientOf(inbound.peer, inbound.fields, forwarded)
    const cut = new Cut()
    const deadlines = new Deadlines(this.#context.clock, cut)
    const id = this.#context.recorder.newExchange()
    const inForce = this.#context.inForce()
    const startedMs = this.#context.clock.ticksMs()
    return new Exchange({ id, inForce, inbound, outbound, cut, deadlines, startedMs })
  }

  #track({ inForce }: Exchange, work: Promise<void>): void {
    this.#active.add(work)
    inForce.uses.begin()
    void work.finally(() => {
      this.#active.delete(work)
      inForce.uses.end()
    })
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

/** Tells the connection when an answer begins that is its last (RFC 9112, section 9.6). */
function lastOf(
  connection: Connection,
  outbound: Outbound,
  engine: Partial<Pick<ServerResponse, 'shouldKeepAlive'>> = {},
): Outbound {
  return {
    ...outbound,
    begin: (head) => {
      outbound.begin(head)
      // The engine has reasons of its own, the client's wish among them.
      if (head.isLast || engine.shouldKeepAlive === false) connection.finish()
    },
  }
}

function refuseOverload(exchange: Exchange, context: ProxyContext): Promise<void> {
  return refuseOutright(exchange, context, 'overloaded')
}
