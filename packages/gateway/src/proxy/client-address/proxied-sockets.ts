import type { Socket } from 'node:net'
import type { Clock } from '../../platform/index.ts'
import { networks } from './address.ts'
import { type ProxiedSource, readProxyHeader } from './proxy-header.ts'

/** One item of a listener: whose connections begin with a PROXY protocol header. */
export interface ProxyProtocolConfig {
  readonly trusted: readonly string[]
}

interface Needs {
  readonly clock: Clock
  /** How long the header may take. */
  readonly withinMs: () => number
  /** A connection of a trusted peer that does not begin with a header; it is gone. */
  readonly refused: (socket: Socket, isLate: boolean) => void
}

/** Takes the PROXY protocol header off connections, before TLS and before HTTP. */
export class ProxiedSockets {
  readonly #isTrusted: (address: string) => boolean
  readonly #needs: Needs
  /** Waiting for their header. */
  readonly #waiting = new Set<Socket>()

  constructor({ trusted }: ProxyProtocolConfig, needs: Needs) {
    this.#isTrusted = networks(trusted)
    this.#needs = needs
  }

  /**
   * Calls `serve` when the header is off, with where the connection came from, undefined for one
   * of the proxy's own. Whoever is not trusted says nothing, and is served as they are.
   */
  take(socket: Socket, serve: (source: ProxiedSource | undefined) => void): void {
    if (!this.#isTrusted(socket.remoteAddress ?? '')) {
      serve(undefined)
      return
    }
    this.#waiting.add(socket)
    let first: Buffer = Buffer.alloc(0)
    const stop = (): void => {
      timer.cancel()
      this.#waiting.delete(socket)
      socket.off('readable', look)
      socket.off('end', refuse)
      socket.off('error', stop)
      socket.off('close', stop)
    }
    const refuse = (): void => {
      stop()
      this.#needs.refused(socket, false)
      socket.destroy()
    }
    const look = (): void => {
      const chunk: unknown = socket.read()
      if (!(chunk instanceof Uint8Array)) return
      first = Buffer.concat([first, chunk])
      const header = readProxyHeader(first)
      if (header.kind === 'more') return
      if (header.kind === 'malformed') {
        refuse()
        return
      }
      stop()
      const rest = first.subarray(header.bytes)
      if (rest.length > 0) socket.unshift(rest)
      serve(header.source)
    }
    const timer = this.#needs.clock.after(this.#needs.withinMs(), () => {
      stop()
      this.#needs.refused(socket, true)
      socket.destroy()
    })
    socket.on('readable', look)
    socket.on('end', refuse)
    socket.on('error', stop)
    socket.on('close', stop)
  }

  /** Lets go of whoever has not said anything yet. */
  close(): void {
    for (const socket of this.#waiting) socket.destroy()
  }
}
