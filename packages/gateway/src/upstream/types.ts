import type { Duplex } from 'node:stream'
import type { Reason } from '@countersign/evidence'
import type { KeptFields, MadeLines } from '../http1/index.ts'

/** Header lines in order, each name as it is spelled. */
export type UpstreamFields = readonly (readonly [name: string, value: string])[]

/** What goes to the upstream, in no protocol's words. */
export interface UpstreamRequest {
  readonly method: string
  /** `Host`, or `:authority`. */
  readonly authority: string
  /** Path and query. */
  readonly target: string
  /** End-to-end fields only: host, framing and connection are said by the client itself. */
  readonly fields: UpstreamFields
  /** More of them, which other requests have too. */
  readonly kept?: readonly KeptFields[] | undefined
  /** More of them, which come last. */
  readonly made?: MadeLines | undefined
  /** Bytes of the body; 0 where there is none, undefined where its length is not known. */
  readonly bodyBytes: number | undefined
  /** The protocol that is asked for: an `Upgrade` of HTTP/1.1, a `:protocol` of HTTP/2. */
  readonly upgrade?: string | undefined
  /** Trailers of the response are understood by whoever asks (`TE: trailers`). */
  readonly takesTrailers?: boolean | undefined
  /** It was asked here before, in vain: where it can be, on a connection that is another one. */
  readonly isAgain?: boolean | undefined
  /** Of the clock's ticks: when it was asked, where whoever asks knows. */
  readonly sinceMs?: number | undefined
}

/** How the upstream was reached. */
export interface UpstreamReached {
  /** Address and port of the peer. */
  readonly address: string
  readonly protocol: 'http/1.1' | 'h2'
  /** The connection had served others before. */
  readonly isReused: boolean
}

/**
 * What an upstream says, in this order: `reached`, any number of `interim`, `head`, any number of
 * `data`, `end`; or `upgraded` in place of a final head. `fault` may come at any point and is the
 * last. Only `reached` may be called before `call` has returned, and nothing is called after
 * `end`, `fault`, `upgraded` or `abort`. A handler must not throw.
 */
export interface UpstreamHandler {
  /** A connection was found; the request goes out on it now. */
  reached?(reached: UpstreamReached): void
  /** 1xx other than 101. Those of one response are limited in number. */
  interim?(status: number, fields: UpstreamFields): void
  /** `isWhole`: it has come with all that follows it, which is told before anything else. */
  head(status: number, fields: UpstreamFields, isWhole?: boolean): void
  /** Bytes are the handler's to keep. */
  data(chunk: Uint8Array): void
  end(trailers: UpstreamFields): void
  fault(fault: UpstreamFault): void
  /** More of the request body may be written; called after `write` said false, never before. */
  drain?(): void
  /** The upstream switched (101, or 2xx to an extended CONNECT): the stream is the handler's. */
  upgraded?(status: number, fields: UpstreamFields, stream: Duplex, rest: Uint8Array): void
}

/** One request that is going on, and its answer. */
export interface UpstreamCall {
  /** Next bytes of the body; false: wait for `drain`. Only where `bodyBytes` is not 0. */
  write(chunk: Uint8Array): boolean
  /** The body is whole. Less or more than `bodyBytes` is a fault, and nothing looks whole then. */
  end(trailers?: UpstreamFields): void
  /** No more `data` until `resume`, but for what is on its way. */
  pause(): void
  resume(): void
  /**
   * Lets go; what the upstream did is not known. A connection that is not clean is closed. `why`:
   * what ended it, where that was not its reader's wish.
   */
  abort(why?: Reason): void
}

/** Everything that is needed to reach one target, and its connections. */
export interface UpstreamClient {
  call(request: UpstreamRequest, handler: UpstreamHandler): UpstreamCall
  /** Takes no more calls, lets idle connections go; resolves when every call has ended. */
  close(): Promise<void>
  /** Breaks every connection; calls that are going on end with a fault. */
  destroy(): Promise<void>
}

/** An upstream that did not give a whole, well-formed response; `reason` says in which way. */
export class UpstreamFault extends Error {
  override readonly name = 'UpstreamFault'
  readonly reason: Reason
  /**
   * The upstream certainly has not acted on the request: it was never sent, or the upstream said
   * that it was not looked at (GOAWAY, REFUSED_STREAM). Only then may any request go out again.
   */
  readonly isUnsent: boolean
  /**
   * A connection that was kept was closed before a byte of the answer had come: most likely that
   * has crossed with the request, and says nothing of the next connection.
   */
  readonly isStale: boolean

  constructor(reason: Reason, cause: unknown, { isUnsent = false, isStale = false } = {}) {
    super(`upstream: ${reason}`, { cause })
    this.reason = reason
    this.isUnsent = isUnsent
    this.isStale = isStale
  }
}
