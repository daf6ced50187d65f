import { type ClientHttp2Stream, constants } from 'node:http2'
import type { Timer } from '../../platform/index.ts'
import {
  type UpstreamCall,
  UpstreamFault,
  type UpstreamFields,
  type UpstreamHandler,
  type UpstreamReached,
  type UpstreamRequest,
} from '../types.ts'
import { requestHead, responseFields, responseHead, trailerFields } from './head.ts'

const INTERIM_RESPONSES_MAX = 16
const NO_FIELDS: UpstreamFields = []

/** What a call needs of the connection that it is on. */
export interface CallSession {
  readonly scheme: 'http' | 'https'
  readonly reached: UpstreamReached
  /** It did not look at a stream. */
  refused(): void
  open(head: string[], options: { endStream: boolean; waitForTrailers: boolean }): ClientHttp2Stream
}

/** One call: waits for a connection with room, then is a stream of it. */
export class Http2Call implements UpstreamCall {
  readonly #request: UpstreamRequest
  readonly #handler: UpstreamHandler
  #stream: ClientHttp2Stream | undefined
  #leftBytes: number | undefined
  #trailers: UpstreamFields = NO_FIELDS
  #responseTrailers: UpstreamFields = NO_FIELDS
  #interims = 0
  #received = 0
  #claimedBytes: number | undefined
  #isOver = false
  #isPaused = false
  #isSent: boolean
  #hasHead = false
  #cause: unknown
  /** Ends its wait for a connection with room. */
  waiting: Timer | undefined
  /** The upstream said itself that nothing follows. */
  #sawEnd = false

  constructor(request: UpstreamRequest, handler: UpstreamHandler) {
    this.#request = request
    this.#handler = handler
    this.#leftBytes = request.bodyBytes
    this.#isSent = request.bodyBytes === 0
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** It was refused before, by a connection that is better not asked again. */
  get isAgain(): boolean {
    return this.#request.isAgain === true
  }

  write(chunk: Uint8Array): boolean {
    const stream = this.#stream
    if (this.#isOver || this.#isSent || chunk.length === 0) return true
    if (stream === undefined) return this.#mismatch()
    if (this.#leftBytes !== undefined) {
      if (chunk.length > this.#leftBytes) return this.#mismatch()
      this.#leftBytes -= chunk.length
    }
    return stream.write(chunk)
  }

  end(trailers: UpstreamFields = NO_FIELDS): void {
    if (this.#isOver || this.#isSent) return
    if (this.#leftBytes !== undefined && this.#leftBytes > 0) {
      this.#mismatch()
      return
    }
    this.#isSent = true
    this.#trailers = trailers
    this.#stream?.end()
  }

  pause(): void {
    this.#isPaused = true
    this.#stream?.pause()
  }

  resume(): void {
    if (!this.#isPaused) return
    this.#isPaused = false
    this.#stream?.resume()
  }

  abort(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.waiting?.cancel()
    this.#stream?.close(constants.NGHTTP2_CANCEL)
  }

  failed(fault: UpstreamFault): void {
    if (this.#isOver) return
    this.#isOver = true
    this.waiting?.cancel()
    this.#handler.fault(fault)
    this.#stream?.close(constants.NGHTTP2_CANCEL)
  }

  /** From here on it is a stream; undefined: it could not become one. */
  begin(session: CallSession): ClientHttp2Stream | undefined {
    this.waiting?.cancel()
    const head = requestHead(this.#request, session.scheme)
    if (head === undefined) {
      this.failed(new UpstreamFault('internal-error', 'no such head can be sent', UNSENT))
      return undefined
    }
    const hasBody = !this.#isSent
    const stream = session.open(head, { endStream: !hasBody, waitForTrailers: hasBody })
    this.#stream = stream
    this.#listen(stream, session)
    this.#handler.reached?.(session.reached)
    return stream
  }

  #listen(stream: ClientHttp2Stream, session: CallSession): void {
    stream.on('response', (_headers, _flags, raw) => this.#head(raw))
    stream.on('headers', (_headers, _flags, raw) => this.#interim(raw))
    stream.on('trailers', (_headers, _flags, raw) => this.#takeTrailers(raw))
    stream.on('wantTrailers', () => this.#sendTrailers(stream))
    stream.on('drain', () => {
      if (!this.#isOver) this.#handler.drain?.()
    })
    stream.on('data', (chunk: Uint8Array) => {
      this.#received += chunk.length
      if (!this.#isOver) this.#handler.data(chunk)
    })
    stream.on('end', () => this.#ended())
    // What is wrong is told by `close`, which knows the code.
    stream.on('error', (cause) => {
      this.#cause = cause
    })
    stream.on('close', () => {
      if (stream.rstCode === constants.NGHTTP2_REFUSED_STREAM) session.refused()
      this.#closed(stream.rstCode)
    })
    this.#watchEnd(stream)
  }

  /**
   * A stream that is reset with NO_ERROR ends for the engine's readers as one that was whole. What
   * differs is the order: of a whole one the end comes before the stream is closed. Some servers
   * (Node's own) reset so before they have said the end; then the length decides, if one was given.
   */
  #watchEnd(stream: ClientHttp2Stream): void {
    const push = stream.push.bind(stream)
    stream.push = (chunk: unknown, encoding?: BufferEncoding) => {
      if (chunk === null) this.#sawEnd ||= !stream.closed || this.#claimedBytes === this.#received
      return push(chunk, encoding)
    }
  }

  #head(raw: readonly string[]): void {
    if (this.#isOver) return
    const head = responseHead(raw)
    if ('wrong' in head) {
      this.#refuse(head.wrong)
      return
    }
    this.#hasHead = true
    const length = head.fields.find(([name]) => name === 'content-length')
    if (length !== undefined) this.#claimedBytes = Number(length[1])
    this.#handler.head(head.status, head.fields)
  }

  #interim(raw: readonly string[]): void {
    if (this.#isOver) return
    const head = responseHead(raw)
    this.#interims += 1
    if ('wrong' in head) this.#refuse(head.wrong)
    else if (head.status === 101 || this.#interims > INTERIM_RESPONSES_MAX) {
      this.#refuse('interim responses')
    } else this.#handler.interim?.(head.status, head.fields)
  }

  #takeTrailers(raw: readonly string[]): void {
    const fields = responseFields(raw)
    if ('wrong' in fields) this.#refuse(fields.wrong)
    else this.#responseTrailers = fields
  }

  #sendTrailers(stream: ClientHttp2Stream): void {
    if (stream.closed || stream.destroyed) return
    const flat = trailerFields(this.#trailers) ?? []
    const fields: Record<string, string[]> = {}
    for (let at = 0; at + 1 < flat.length; at += 2) {
      const [name = '', value = ''] = [flat[at], flat[at + 1]]
      fields[name] = [...(fields[name] ?? []), value]
    }
    stream.sendTrailers(fields)
  }

  #ended(): void {
    if (this.#isOver || !this.#sawEnd) return
    if (!this.#hasHead) {
      this.#refuse('no response')
      return
    }
    this.#isOver = true
    this.#handler.end(this.#responseTrailers)
    // The rest of a body that the upstream did not wait for is of no use to it.
    if (!this.#isSent) this.#stream?.close(constants.NGHTTP2_NO_ERROR)
  }

  #closed(code: number | undefined): void {
    if (this.#isOver) return
    const isUnsent = code === constants.NGHTTP2_REFUSED_STREAM && !this.#hasHead
    const isProtocol =
      code === constants.NGHTTP2_PROTOCOL_ERROR || code === constants.NGHTTP2_FLOW_CONTROL_ERROR
    const reason = isProtocol ? 'upstream-protocol' : 'upstream-aborted'
    const cause = this.#cause ?? `the stream ended with code ${code}`
    this.#isOver = true
    this.#handler.fault(new UpstreamFault(reason, cause, { isUnsent }))
  }

  /** An answer that is not one. */
  #refuse(why: string): void {
    this.failed(new UpstreamFault('upstream-protocol', why))
  }

  /** A body that is not as long as was said: it must not look whole to anybody. */
  #mismatch(): true {
    this.failed(new UpstreamFault('internal-error', 'the request body is not what was announced'))
    return true
  }
}

export const UNSENT = { isUnsent: true } as const
