import { hash } from 'node:crypto'
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { TlsFacts } from '@countersign/evidence'
import type { ClientCertificate } from '../identity/index.ts'
import type { ProxiedSource } from './client-address/proxy-header.ts'
import type { Exchange, Peer } from './exchange.ts'
import type { ClientAuthorities } from './tls-options.ts'

/** Requests that came after the last one that is answered; beyond it the connection is cut. */
const IGNORED_MAX = 1000

/** One client connection: its facts, and its requests, served one after the other in order. */
export class Connection {
  readonly peer: Peer
  readonly #socket: Socket
  readonly #pipelinedMax: number
  #tail: Promise<void> = Promise.resolve()
  #waiting = 0
  #ignored = 0
  #isOver = false
  #takesMore = true
  /** The exchange whose turn it is. */
  current: Exchange | undefined
  /** The one that came last: what is read now is of its body, or of no request yet. */
  newest: Exchange | undefined

  constructor(socket: Socket, peer: Peer, pipelinedMax: number) {
    this.#socket = socket
    this.#pipelinedMax = pipelinedMax
    this.peer = peer
  }

  /** The answer that has begun is its last: nothing that came after that request is served. */
  finish(): void {
    this.#isOver = true
  }

  /** Its turn has come; whoever is gone by now wants no answer. */
  begin(exchange: Exchange): void {
    this.current = exchange
    if (this.#socket.destroyed) this.lost()
  }

  /**
   * The client is gone. The engine does not say so of an answer that it has not given the
   * connection yet; what may change protocols listens for itself.
   */
  lost(): void {
    const { current } = this
    if (current?.outbound.switchTo === undefined) current?.cut.make('client-aborted')
  }

  /** A request has said that it is the last: what comes behind it is none. */
  get takesMore(): boolean {
    return this.#takesMore && !this.#isOver
  }

  takeNoMore(): void {
    this.#takesMore = false
  }

  /**
   * What becomes of one more request: `served` in its turn; `refused`, in its turn and as the last
   * of the connection, because too many wait; `ignored`, because one was refused before it.
   */
  place(): 'served' | 'refused' | 'ignored' {
    if (!this.takesMore) return 'ignored'
    if (this.#waiting < this.#pipelinedMax) return 'served'
    this.#ignored += 1
    if (this.#ignored === 1) return 'refused'
    if (this.#ignored > IGNORED_MAX) this.#socket.destroy()
    return 'ignored'
  }

  /**
   * Runs `serve` when everything before it has been answered, unless one of these answers was the
   * last. It must not reject.
   */
  enqueue(serve: () => Promise<void>): Promise<void> {
    this.#waiting += 1
    const unlessOver = (): Promise<void> => (this.#isOver ? Promise.resolve() : serve())
    this.#tail = this.#tail.then(unlessOver).finally(() => {
      this.#waiting -= 1
    })
    return this.#tail
  }
}

/** The authorities and revocation lists that a listener had at a time. */
export interface Trust {
  isCurrent: boolean
}

/** What a listener says of its connections. */
interface ListenerFacts {
  readonly externalOrigin: string | undefined
  readonly trust: Trust
  readonly clientCertificates: ClientAuthorities | undefined
  /** What a PROXY protocol header says. */
  readonly source?: ProxiedSource | undefined
}

/** What is known of a connection, also of one that was not kept. */
export interface Gone {
  readonly remoteAddress?: string | undefined
  readonly remotePort?: number | undefined
}

/** Where a connection came from: as a proxy says that is believed, or by itself. */
export function originOf(
  { remoteAddress, remotePort }: Gone,
  source: ProxiedSource | undefined,
): Pick<Peer, 'address' | 'port' | 'proxies'> {
  const own = { address: plainAddress(remoteAddress), port: remotePort ?? 0 }
  return source === undefined ? own : { ...source, proxies: [own.address] }
}

export function peerOf(socket: Socket, listener: ListenerFacts): Peer {
  const { externalOrigin, clientCertificates, trust, source } = listener
  const known = { ...originOf(socket, source), externalOrigin }
  if (!(socket instanceof TLSSocket)) return { ...known, scheme: 'http', tls: undefined }
  const certificate =
    clientCertificates === undefined
      ? undefined
      : certificateOf(socket, trust, clientCertificates.trustDomain)
  const tls = tlsFacts(socket)
  return {
    ...known,
    scheme: 'https',
    tls: certificate === undefined ? tls : { ...tls, clientCertificateSha256: certificate.sha256 },
    certificate,
    needsCertificate: clientCertificates?.show === 'required',
  }
}

/**
 * What the client showed, in this handshake or in the one that it resumes: a session keeps the
 * certificate and the verdict on it. OpenSSL's verdict alone says nothing: a resumed session
 * without any certificate is `authorized` as well.
 */
function certificateOf(
  socket: TLSSocket,
  trust: Trust,
  trustDomain: string | undefined,
): ClientCertificate | undefined {
  const shown = socket.getPeerX509Certificate()
  if (shown === undefined) return undefined
  const { authorized, authorizationError } = socket
  const error = authorized ? undefined : String(authorizationError)
  const der = new Uint8Array(shown.raw)
  return {
    der,
    sha256: hash('sha256', der, 'hex'),
    trustDomain,
    get isVerified() {
      return authorized && trust.isCurrent
    },
    get error() {
      return authorized && !trust.isCurrent ? 'authorities-replaced' : error
    },
  }
}

/** What this connection did negotiate, not what it was offered. */
function tlsFacts(socket: TLSSocket): TlsFacts {
  // Node's types leave out that a client may send no name, or a server choose no protocol.
  const serverName = (socket as { readonly servername?: string | false | null }).servername
  const alpn = socket.alpnProtocol
  return {
    version: socket.getProtocol() ?? 'unknown',
    cipher: socket.getCipher().standardName ?? socket.getCipher().name,
    ...(typeof serverName === 'string' && serverName !== '' ? { serverName } : {}),
    ...(typeof alpn === 'string' && alpn !== '' ? { alpn } : {}),
  }
}

/** A socket that is gone already has forgotten where it came from. */
const UNKNOWN_ADDRESS = '0.0.0.0'

/** An IPv4 client of a dual-stack socket is an IPv4 client; a zone is local and says nothing. */
function plainAddress(address: string | undefined): string {
  return (address ?? UNKNOWN_ADDRESS)
    .replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, '')
    .replace(/%.*$/, '')
}
