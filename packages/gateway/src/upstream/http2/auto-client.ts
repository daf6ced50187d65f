import { connect, type TLSSocket } from 'node:tls'
import type { Timer } from '../../platform/index.ts'
import { Http1Client } from '../http1/client.ts'
import {
  type UpstreamCall,
  type UpstreamClient,
  UpstreamFault,
  type UpstreamFields,
  type UpstreamHandler,
  type UpstreamRequest,
} from '../types.ts'
import { UNSENT } from './call.ts'
import { Http2Client, type Http2ClientOptions } from './client.ts'

/** What it needs is what both need. */
type AutoClientOptions = Omit<Http2ClientOptions, 'otherProtocol'>

/**
 * A target that says by ALPN what it speaks. It is asked on a connection of its own, before the
 * first call and again when HTTP/2 is no longer agreed on.
 */
export class AutoClient implements UpstreamClient {
  readonly #options: AutoClientOptions
  readonly #clients: { readonly http1: Http1Client; readonly http2: Http2Client }
  #chosen: UpstreamClient | undefined
  #waiting: LateCall[] = []
  #asking: { readonly socket: TLSSocket; readonly timer: Timer } | undefined
  #isClosed = false

  constructor(options: AutoClientOptions) {
    this.#options = options
    const otherProtocol = (): void => {
      this.#chosen = undefined
    }
    this.#clients = {
      http1: new Http1Client(options),
      http2: new Http2Client({ ...options, otherProtocol }),
    }
  }

  call(request: UpstreamRequest, handler: UpstreamHandler): UpstreamCall {
    if (this.#chosen !== undefined) return this.#chosen.call(request, handler)
    const late = new LateCall(request, handler)
    this.#waiting.push(late)
    if (this.#asking === undefined && !this.#isClosed) this.#ask()
    return late
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await Promise.all([this.#clients.http1.close(), this.#clients.http2.close()])
  }

  async destroy(): Promise<void> {
    this.#isClosed = true
    this.#fail(new UpstreamFault('upstream-aborted', 'the client was closed', UNSENT))
    await Promise.all([this.#clients.http1.destroy(), this.#clients.http2.destroy()])
  }

  #ask(): void {
    const { host, port, tls, clock, connectMs } = this.#options
    const options = {
      ...tls,
      host,
      port,
      ALPNProtocols: ['h2', 'http/1.1'],
      minVersion: tls?.minVersion === 'TLSv1.3' ? ('TLSv1.3' as const) : ('TLSv1.2' as const),
      rejectUnauthorized: true,
    }
    const socket = connect(options, () => this.#choose(socket.alpnProtocol === 'h2'))
    socket.on('error', (cause) => {
      this.#fail(new UpstreamFault('upstream-unreachable', cause, UNSENT))
    })
    const timer = clock.after(connectMs, () => {
      const late = Object.assign(new Error('connecting took too long'), { code: 'CONNECT_TIMEOUT' })
      this.#fail(new UpstreamFault('upstream-unreachable', late, UNSENT))
    })
    this.#asking = { socket, timer }
  }

  #choose(isHttp2: boolean): void {
    this.#answered()
    const chosen = isHttp2 ? this.#clients.http2 : this.#clients.http1
    this.#chosen = chosen
    for (const late of this.#waiting.splice(0)) late.begin(chosen)
  }

  #fail(fault: UpstreamFault): void {
    this.#answered()
    for (const late of this.#waiting.splice(0)) late.failed(fault)
  }

  #answered(): void {
    this.#asking?.timer.cancel()
    this.#asking?.socket.destroy()
    this.#asking = undefined
  }
}

/** A call whose protocol is not known yet. Until it is reached nobody writes. */
class LateCall implements UpstreamCall {
  readonly #request: UpstreamRequest
  readonly #handler: UpstreamHandler
  #call: UpstreamCall | undefined
  #isOver = false

  constructor(request: UpstreamRequest, handler: UpstreamHandler) {
    this.#request = request
    this.#handler = handler
  }

  begin(client: UpstreamClient): void {
    if (!this.#isOver) this.#call = client.call(this.#request, this.#handler)
  }

  failed(fault: UpstreamFault): void {
    if (!this.#isOver) this.#handler.fault(fault)
    this.#isOver = true
  }

  write(chunk: Uint8Array): boolean {
    return this.#call?.write(chunk) ?? false
  }

  end(trailers?: UpstreamFields): void {
    this.#call?.end(trailers)
  }

  pause(): void {
    this.#call?.pause()
  }

  resume(): void {
    this.#call?.resume()
  }

  abort(): void {
    this.#isOver = true
    this.#call?.abort()
  }
}
