export type ProxyErrorCode =
  /** A listener cannot listen: the address is taken. */
  | 'PROXY_LISTEN_FAILED'
  /** Routes, upstreams and listeners contradict each other. */
  | 'PROXY_CONFIG_INVALID'
  /** A certificate, key, authority or revocation list that OpenSSL does not take. */
  | 'PROXY_CERTIFICATE'
  /** A setting of a listener that needs another socket, at an address that is in use by itself. */
  | 'PROXY_LISTENER_FIXED'
  /** What is to be shown to a service is no credential. */
  | 'PROXY_CREDENTIAL'

export class ProxyError extends Error {
  override readonly name = 'ProxyError'
  readonly code: ProxyErrorCode

  constructor(code: ProxyErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
