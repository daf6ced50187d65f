import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { TlsFacts } from '@countersign/evidence'
import type { Exchange, Peer } from './exchange.ts'

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
  /** The exchange whose turn it is. */
  current: Exchange | undefined

  constructor(socket: Socket, pipelinedMax: number) {
    this.#socket = socket
    this.#pipelinedMax = pipelinedMax
    this.peer = peerOf(socket)
  }

  /**
   * What becomes of one more request: `served` in its turn; `refused`, in its turn and as the last
   * of the connection, because too many wait; `ignored`, because one was refused before it.
   */
  place(): 'served' | 'refused' | 'ignored' {
    if (this.#waiting < this.#pipelinedMax) return 'served'
    this.#ignored += 1
    if (this.#ignored === 1) return 'refused'
    if (this.#ignored > IGNORED_MAX) this.#socket.destroy()
    return 'ignored'
  }

  /** Runs `serve` when everything before it has been answered. It must not reject. */
  enqueue(serve: () => Promise<void>): Promise<void> {
    this.#waiting += 1
    this.#tail = this.#tail.then(serve).finally(() => {
      this.#waiting -= 1
    })
    return this.#tail
  }
}

function peerOf(socket: Socket): Peer {
  const tls = socket instanceof TLSSocket ? tlsFacts(socket) : undefined
  return {
    address: plainAddress(socket.remoteAddress),
    port: socket.remotePort ?? 0,
    scheme: tls === undefined ? 'http' : 'https',
    tls,
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
export function plainAddress(address: string | undefined): string {
  return (address ?? UNKNOWN_ADDRESS)
    .replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, '')
    .replace(/%.*$/, '')
}
