export type ProxyErrorCode =
  /** A listener cannot listen: the address is taken, or its certificate is unusable. */
  | 'PROXY_LISTEN_FAILED'
  /** Routes, upstreams and listeners contradict each other. */
  | 'PROXY_CONFIG_INVALID'

export class ProxyError extends Error {
  override readonly name = 'ProxyError'
  readonly code: ProxyErrorCode

  constructor(code: ProxyErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
