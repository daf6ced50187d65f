import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
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

/**
 * Says what is spoken: with TLS what was negotiated, and nothing else; without, what the first
 * bytes say where both are served. Undefined: nothing that is served here.
 */
export function whenProtocolIsKnown(
  socket: Socket,
  { protocols, clock, withinMs }: Offer,
  tell: (protocol: Protocol | undefined) => void,
): void {
  if (socket instanceof TLSSocket) {
    const spoken = socket.alpnProtocol === 'h2' ? 'h2' : 'http/1.1'
    tell(protocols.includes(spoken) ? spoken : undefined)
    return
  }
  const [only, other] = protocols
  if (other === undefined || only === other) {
    tell(only)
    return
  }
  const timer = clock.after(withinMs, () => socket.destroy())
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
    tell(isPreface ? 'h2' : 'http/1.1')
  }
  const fail = (): void => {
    stop()
    socket.destroy()
  }
  const stop = (): void => {
    timer.cancel()
    socket.off('readable', look)
    socket.off('end', fail)
    socket.off('error', fail)
  }
  socket.on('readable', look)
  socket.on('end', fail)
  socket.on('error', fail)
}
