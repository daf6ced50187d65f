import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { Reason } from '@countersign/evidence'
import type { Clock } from '../../platform/index.ts'
import type { Protocol } from '../proxy-config.ts'

/** The first bytes of every HTTP/2 connection (RFC 9113, section 3.4). */
const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')

interface Offer {
  readonly protocols: readonly Protocol[]
  readonly clock: Clock
  /** How long the first bytes may take. */
  readonly withinMs: number
}

/** What is spoken on a connection, or why nobody will know. */
export type Spoken = { readonly protocol: Protocol } | { readonly refused: Reason }

/**
 * Says what is spoken: with TLS what was negotiated, and nothing else; without, what the first
 * bytes say where both are served. Nothing is answered to a beginning that is not gone on with: it
 * has no protocol yet. A connection on which nothing came is closed, and nobody is told.
 */
export function whenProtocolIsKnown(
  socket: Socket,
  { protocols, clock, withinMs }: Offer,
  tell: (spoken: Spoken) => void,
): void {
  if (socket instanceof TLSSocket) {
    const spoken = socket.alpnProtocol === 'h2' ? 'h2' : 'http/1.1'
    tell(protocols.includes(spoken) ? { protocol: spoken } : { refused: 'version-refused' })
    return
  }
  const [only, other] = protocols
  if (only !== undefined && (other === undefined || only === other)) {
    tell({ protocol: only })
    return
  }
  const timer = clock.after(withinMs, () => fail('request-timeout'))
  let first: Buffer = Buffer.alloc(0)
  const look = (): void => {
    const chunk: unknown = socket.read()
    if (!(chunk instanceof Uint8Array)) return
    first = Buffer.concat([first, chunk])
    const shared = Math.min(first.length, PREFACE.length)
    const isPreface = first.subarray(0, shared).equals(PREFACE.subarray(0, shared))
    if (isPreface && first.length < PREFACE.length) return
    stop()
    socket.unshift(first)
    tell({ protocol: isPreface ? 'h2' : 'http/1.1' })
  }
  const fail = (reason: Reason): void => {
    stop()
    if (first.length > 0) tell({ refused: reason })
    socket.destroy()
  }
  const end = (): void => fail('malformed-request')
  const stop = (): void => {
    timer.cancel()
    socket.off('readable', look)
    socket.off('end', end)
    socket.off('error', end)
  }
  socket.on('readable', look)
  socket.on('end', end)
  socket.on('error', end)
}
