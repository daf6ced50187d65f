import { hash } from 'node:crypto'
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { TlsFacts } from '@countersign/evidence'
import type { ClientCertificate } from '../identity/index.ts'
import type { ProxiedSource } from './client-address/proxy-header.ts'
import type { Peer } from './exchange.ts'
import { nothingMade } from './standing.ts'
import type { ClientAuthorities } from './tls-options.ts'

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
  const known = { ...originOf(socket, source), externalOrigin, last: nothingMade() }
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
