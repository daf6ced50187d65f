/** What an authority outside is asked: a key set, a token's state. */
export interface HttpRequest {
  readonly url: string
  readonly method: 'GET' | 'POST' | 'HEAD'
  readonly headers: Readonly<Record<string, string>>
  readonly body?: Uint8Array | undefined
  /** A longer body is an error. */
  readonly bytesMax: number
  /** From the call to the last byte of the body. */
  readonly timeoutMs: number
  /** Takes `http:` too, where the host is a loopback address: for tests and side-cars. */
  readonly allowsLoopbackHttp: boolean
}

export interface HttpResponse {
  readonly status: number
  /** Lower-case names; of a repeated field the first value. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
}

/**
 * Asks an HTTP server. TLS is verified and no redirect is followed: a response that would redirect
 * is returned as it is. Rejects with HttpError.
 */
export interface HttpClient {
  request(of: HttpRequest): Promise<HttpResponse>
}

export type HttpErrorCode =
  /** Not https, nor http of a loopback address where that is allowed. */
  | 'HTTP_URL_REFUSED'
  | 'HTTP_TOO_LARGE'
  | 'HTTP_TIMEOUT'
  /** No connection, no trust, or no well-formed response. */
  | 'HTTP_FAILED'

export class HttpError extends Error {
  override readonly name = 'HttpError'
  readonly code: HttpErrorCode

  constructor(code: HttpErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
